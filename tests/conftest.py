"""Hypothesis profiles: `ci` unless HYPOTHESIS_PROFILE names another.

`ci` draws the same examples each time, so that a red run is about the change at hand; `nightly` draws new ones, and
many more; `quick` a tenth (see profiles.py).

Processes that tests start may keep compiled modules, also where the shell forbids it: without, each compiles the whole
library, which is four times the work of starting.
"""

from __future__ import annotations

import os
import sys

from hypothesis import HealthCheck, settings

from tests.support.profiles import examples

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
