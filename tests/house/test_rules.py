"""Every rule that is cited exists, and every rule and law has a test of its name.

What is not built yet is listed here. An entry that has a test is an error, so the lists only shrink.
"""

from __future__ import annotations

import pytest

from tests.house.rules import NUMBER, cited, laws, named_after, named_tests, rules

RUNS = "tasks and runs in full"
MACHINES = "beyond one process and one machine"

NOT_BUILT = {
    "X3_standby": MACHINES,
    "X4_max_queue": MACHINES,
}
"""A rule, or the part of one as its test's name will begin, and the issue that builds it."""

TESTS = named_tests()


def test_rules_are_numbered_once() -> None:
    found = rules()
    assert len(found) > 50 and len(found) == len(set(found))


def test_rules_that_are_cited_exist() -> None:
    unknown = [f"{place} cites {number}" for number, place in cited() if number not in rules()]
    assert not unknown


@pytest.mark.parametrize("rule", rules())
def test_rules_have_a_test_of_their_number(rule: str) -> None:
    assert named_after(rule, TESTS) or rule in NOT_BUILT, f"name a test test_{rule}_…"


@pytest.mark.parametrize("part", NOT_BUILT)
def test_rules_that_are_not_built_have_no_test(part: str) -> None:
    assert part.partition("_")[0] in rules()
    assert not named_after(part, TESTS), f"{part} is built: take it off the list"


@pytest.mark.parametrize("law", laws())
def test_laws_have_a_test_of_their_name(law: str) -> None:
    assert named_after(f"law_{law}", TESTS), f"name a test test_law_{law}"


def test_laws_are_those_of_the_page() -> None:
    found = laws()
    assert len(found) > 15 and len(found) == len(set(found))


def test_rules_are_seen_where_they_are_cited() -> None:
    seen = NUMBER.findall("(T5, R9) I6: X2. but 2026-11-23T10:00, T10:30, NT4, `T1`, G3_x, T0, v.T2, UTF-T8, R123")
    assert seen == ["T5", "R9", "I6", "X2"]
