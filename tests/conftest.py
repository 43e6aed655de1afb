"""Hypothesis profiles: `ci` unless HYPOTHESIS_PROFILE names another.

`ci` draws the same examples each time, so that a red run is about the change at hand; `nightly` draws new ones, and
many more; `quick` a tenth (see profiles.py).

Stores of tests stand in memory where the system has such a folder and no TMPDIR is set: a sync costs there nothing, and
a killed process leaves the same as on a disk. Processes that tests start may keep compiled modules, also where the
shell forbids it: without, each compiles the whole library, which is four times the work of starting.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.support.profiles import examples

MEMORY, ROOM = Path("/dev/shm"), 2 * 2**30
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

COMMON = {
    "deadline": None,
    "max_examples": examples(100, nightly=1000),
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}

settings.register_profile("ci", derandomize=True, database=None, **COMMON)
settings.register_profile("quick", derandomize=True, database=None, **COMMON)
settings.register_profile("nightly", print_blob=True, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
