"""The format of a store on SQLite: its tables, its marks, its version.

A file is ours if its header bears our application id; the version is SQLite's `user_version`. Both and all tables are
written in one transaction before the file is switched to WAL, so a file is either whole or empty. Tables are only ever
added to; a change that an older program cannot read raises STORE_FORMAT. A row of keys, sources, partitions, runs,
consumers and meta ends with the checksum of what stands before it.
"""

from __future__ import annotations

STORE_FORMAT = 5
"""The version of the tables and of the records in them."""

LOG_MARK = 0x72444C67  # "rDLg"
LEDGER_MARK = 0x72444C64  # "rDLd"

# By which name the file was opened last: its write-ahead log and its lock stand beside that one.
HOME_TABLE = "CREATE TABLE home (one INTEGER PRIMARY KEY, path BLOB NOT NULL)"

LOG_TABLES = (
    # One row a segment: the records from offset `first` on. `last_at` is the highest `at` up to its end.
    "CREATE TABLE segments (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, last_at INTEGER NOT NULL, "
    "crc INTEGER NOT NULL, data BLOB NOT NULL)",
    # Which segments have events of a dataset.
    "CREATE TABLE sources (source TEXT NOT NULL, first INTEGER NOT NULL, crc INTEGER NOT NULL, "
    "PRIMARY KEY (source, first)) WITHOUT ROWID",
    # The newest event of each partition of a dataset.
    "CREATE TABLE partitions (source TEXT NOT NULL, partition TEXT NOT NULL, record INTEGER NOT NULL, "
    "crc INTEGER NOT NULL, PRIMARY KEY (source, partition)) WITHOUT ROWID",
    "CREATE TABLE keys (scope TEXT NOT NULL, key TEXT NOT NULL, record INTEGER NOT NULL, "
    "crc INTEGER NOT NULL, PRIMARY KEY (scope, key)) WITHOUT ROWID",
    # Runs that ended. `run` is the offset of the request; every index ends with it, being the rowid.
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, dag TEXT NOT NULL, state TEXT NOT NULL, key TEXT NOT NULL, "
    "label TEXT NOT NULL, logical_date INTEGER, partition TEXT, cascade TEXT NOT NULL, round INTEGER NOT NULL, "
    "requested INTEGER, started INTEGER, ended INTEGER, error TEXT, tasks BLOB NOT NULL, "
    "more BLOB NOT NULL, crc INTEGER NOT NULL)",
    "CREATE INDEX runs_dag_state ON runs (dag, state)",
    "CREATE INDEX runs_dag_date ON runs (dag, logical_date) WHERE logical_date IS NOT NULL",
    "CREATE INDEX runs_dag_cascade ON runs (dag, cascade) WHERE logical_date IS NULL",
    "CREATE INDEX runs_dag_partition ON runs (dag, partition) WHERE partition IS NOT NULL",
    "CREATE INDEX runs_key ON runs (key)",
    "CREATE INDEX runs_state ON runs (state)",
    # Which runs consumed items that a run made.
    "CREATE TABLE consumers (source INTEGER NOT NULL, run INTEGER NOT NULL, crc INTEGER NOT NULL, "
    "PRIMARY KEY (source, run)) WITHOUT ROWID",
    "CREATE TABLE snapshots (upto INTEGER PRIMARY KEY, crc INTEGER NOT NULL, data BLOB NOT NULL)",
    # What other processes offer; ids are never given twice, so what was taken over is known by the highest one.
    "CREATE TABLE intake (id INTEGER PRIMARY KEY AUTOINCREMENT, crc INTEGER NOT NULL, data BLOB NOT NULL)",
    HOME_TABLE,
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID",
)

LEDGER_TABLES = (
    HOME_TABLE,
    "CREATE TABLE seen (key BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID",
    # 2**63 - 1 stands for never.
    "CREATE INDEX seen_expires ON seen (expires) WHERE expires < 9223372036854775807",
)

BEGIN = "BEGIN IMMEDIATE"
ADD_SEGMENT = "INSERT INTO segments VALUES (?, ?, ?, ?, ?)"
ADD_SOURCE = "INSERT INTO sources VALUES (?, ?, ?)"
ADD_PARTITION = "INSERT OR REPLACE INTO partitions VALUES (?, ?, ?, ?)"
ADD_KEY = "INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?)"
ADD_RUN = "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
ADD_CONSUMER = "INSERT OR IGNORE INTO consumers VALUES (?, ?, ?)"
ADD_SNAPSHOT = "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)"
TRIM_SNAPSHOTS = (
    "DELETE FROM snapshots WHERE upto < (SELECT min(upto) FROM (SELECT upto FROM snapshots ORDER BY upto DESC LIMIT 2))"
)
ADD_META = "INSERT OR REPLACE INTO meta VALUES (?, ?, ?)"
OFFER = "INSERT INTO intake (crc, data) VALUES (0, ?)"
SEAL_OFFER = "UPDATE intake SET crc = ? WHERE id = ?"
DROP_OFFER = "DELETE FROM intake WHERE id = ?"

ENTER = "INSERT OR REPLACE INTO seen VALUES (?, ?)"
EXPIRES = "SELECT expires FROM seen WHERE key = ?"
EXPIRE = (
    "DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE expires <= ? AND expires < 9223372036854775807 "
    "ORDER BY expires LIMIT ?)"
)

LAST_SEGMENT = "SELECT first, count, last_at, crc, data FROM segments ORDER BY first DESC LIMIT 1"
SEGMENT_AT = "SELECT first, count, last_at, crc, data FROM segments WHERE first <= ? ORDER BY first DESC LIMIT 1"
SEGMENTS_AFTER = (
    "SELECT first, count, last_at, crc, data FROM segments WHERE first >= ? AND first < ? ORDER BY first LIMIT 64"
)
SEGMENTS_OF = "SELECT source, first, crc FROM sources WHERE source = ? AND first < ? ORDER BY first DESC LIMIT 64"
NEWEST_OF = "SELECT source, partition, record, crc FROM partitions WHERE source = ? AND partition = ?"
PARTITIONS_OF = "SELECT source, partition, record, crc FROM partitions WHERE source = ? ORDER BY partition"
CONSUMERS = "SELECT source, run, crc FROM consumers WHERE source = ? ORDER BY run DESC"
FIND_KEY = "SELECT scope, key, record, crc FROM keys WHERE scope = ? AND key = ?"
SNAPSHOTS = "SELECT upto, crc, data FROM snapshots ORDER BY upto DESC"
META = "SELECT name, value, crc FROM meta WHERE name = ?"
TAKE_OVER = "SELECT id, crc, data FROM intake WHERE id > ? ORDER BY id LIMIT ?"
