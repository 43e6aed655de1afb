"""The library's messages in the words of the command line: options for arguments, commands for calls.

Owns the table. Only what a command can be told stands in it; what is said of the code of a graph stays Python.
"""

from __future__ import annotations

import re

_WORDS = tuple(
    (re.compile(found), said)
    for found, said in (
        (r"\bengine\.(rerun|mark)\(\) of run", r"\1 of run"),
        (r"^(start|publish|backfill)\('([^']*)'\): ", r"\1 \2: "),
        (r"engine\.runs\(dag, key=\.\.\.\)", "give the key of one, as `runs` lists it"),
        (r"engine\.runs\(state=\"failed\"\)", "`runs --state failed` lists them"),
        (r"engine\.runs\(\) lists them", "`runs` lists them"),
        (r"engine\.start\(params=\.\.\.\)", "`start --param`"),
        (r"engine\.start\(logical_date=\.\.\.\)", "`start --date`"),
        (r"engine\.resume: the DAG is paused", "`resume`: the DAG is paused"),
        (r"engine\.run_until_idle: records", "an engine, such as `run` opens: records"),
        (r"; engine\.run_until_idle\(\)", "; `run` does it"),
        (r"again=True does", "--again does"),
        (r"only='missing'", "--missing"),
        (r'only="failed" leaves nothing to do; leave only= out', "--failed leaves nothing to do; leave it out"),
        (r"give only= or tasks=, not both", "give --failed or --task, not both"),
        (r"\bparams=\{.*?\} ", "--param "),
        (r'\blogical_date= \("now" will do\) or partition=', "--date ('now' will do) or --partition"),
        (r"\bpartition= or logical_date=", "--partition or --date"),
        (r"(?<!-)\bpartition=(?=['\"])", "--partition "),
        (r"\blogical_date (?=['\"])", "--date "),
        (r"\bstate=(?=['\"])", "state "),
        (r"\bkey=''", "--key ''"),
        (r"\bmax_active_runs\b", "--max-active-runs"),
        (r"\bsources=: ", "--source: "),
        (r"give it one in sources=", "give it one with --source"),
        (r"\bread_only=True", "`runs`, `why`, `pending`"),
        (r"\brd\.(delay|duration|fail)\('([^']*)', (?:p=)?'?([^')]*)'?\): ", r"--\1 \2=\3: "),
        (r"\brd\.(delay|duration|fail)\(\): ", r"--\1: "),
        (r"^until (?=')|\buntil=(?=\d)", "--until "),
        (r"^start (?=')|\bstart=(?=\d)", "--from "),
        (r"^spread_durations\('(.*?)', '(.*?)'\): low is above high", r"--shortest \1 is above --longest \2"),
        (r"^low '", "--shortest '"),
        (r"^high '", "--longest '"),
        (r"^duration '", "--timeout '"),
        (r"^limit ", "--limit "),
        (r"open an engine on it once to make it", "`run FILE.py --store` makes it"),
    )
)  # fmt: skip


def as_typed(text: str) -> str:
    """A message for somebody who typed a command. O(text).

    >>> as_typed("no run has key 'mine'; engine.runs() lists them")
    "no run has key 'mine'; `runs` lists them"
    """
    for found, said in _WORDS:
        text = found.sub(said, text)
    return text
