"""Hypothesis profiles: `ci` unless HYPOTHESIS_PROFILE names another.

`ci` draws the same examples each time, so that a red run is about the change at hand; `nightly` draws new ones, and
many more; `quick` a tenth (see profiles.py).
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("ci", derandomize=True, database=None, **COMMON)
settings.register_profile("quick", derandomize=True, database=None, **COMMON)
settings.register_profile("nightly", print_blob=True, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
