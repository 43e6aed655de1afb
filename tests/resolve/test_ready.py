"""The ready set beside a brute-force reading of semantics G4."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactive_dag.model.errors import InvalidValue
from reactive_dag.resolve.ready import Form, ReadySet

IDS = "abcdef"


def pruned(form: Form | None) -> Form | None:
    """The form without what is left out."""
    if form is None or isinstance(form, str):
        return form
    word, n, parts = form
    left = tuple(part for part in map(pruned, parts) if part is not None)
    return (word, min(n, len(left)), left) if left else None


def holds(form: Form, done: set[str]) -> bool:
    if isinstance(form, str):
        return form in done
    word, n, parts = form
    count = sum(holds(part, done) for part in parts if part is not None)
    return count >= {"all": len(parts), "any": 1}.get(word, n)


def brute(forms: dict[str, Form | None], history: list[str]) -> set[str]:
    """Who is ready after `history`, read anew from its beginning."""
    ready = set()
    for id, form in forms.items():
        last = max((at for at, done in enumerate(history) if done == id), default=-1)
        since = set(history[max(last, 0) :])  # its own completion at `last` counts for it, as feedback does
        kept = pruned(form)
        if last < 0 if kept is None else holds(kept, since if last >= 0 else set(history)):
            ready.add(id)
    return ready


def composites(parts: st.SearchStrategy[Form | None]) -> st.SearchStrategy[Form | None]:
    some = st.lists(parts, max_size=4).map(tuple)
    word = st.tuples(st.sampled_from(["all", "any"]), st.just(0), some)
    counting = some.filter(bool).flatmap(
        lambda parts: st.tuples(st.just("at_least"), st.integers(1, len(parts)), st.just(parts))
    )
    return st.one_of(word, counting)


form = st.recursive(st.one_of(st.sampled_from(IDS), st.none()), composites, max_leaves=8)
some_forms = st.fixed_dictionaries(dict.fromkeys(IDS, form))
history = st.lists(st.sampled_from(IDS + "?"), max_size=20)


@settings(deadline=None)
@given(some_forms, history)
def test_G4_ready_is_what_brute_force_says(forms: dict[str, Form | None], history: list[str]) -> None:
    ready = ReadySet(forms)
    assert ready.ready == brute(forms, [])
    for n, id in enumerate(history, 1):
        ready.complete(id)
        ready._check()
        assert ready.ready == brute(forms, history[:n])


def test_G4_without_upstream_ready_until_it_has_run() -> None:
    ready = ReadySet({"a": None, "b": ("any", 0, (None,)), "c": "a"})
    assert ready.ready == {"a", "b"}
    for _ in range(2):
        ready.complete("a")
        assert ready.ready == {"b", "c"}


def test_G4_since_it_last_ran() -> None:
    ready = ReadySet({"a": None, "b": None, "merge": ("all", 2, ("a", "b"))})
    for id in ("a", "b", "merge", "a"):
        ready.complete(id)
    assert ready.ready == frozenset()
    ready.complete("b")
    assert ready.ready == {"merge"}


def test_G4_at_least_and_parts_left_out() -> None:
    ready = ReadySet({"x": ("at_least", 2, ("a", "b", "c")), "y": ("at_least", 2, ("a", None))})
    ready.complete("a")
    assert ready.ready == {"y"}
    ready.complete("c")
    assert ready.ready == {"x", "y"}


def test_G4_the_set_is_made_anew_only_where_it_changed() -> None:
    ready = ReadySet({"a": None, "b": "a"})
    before = ready.ready
    ready.complete("stranger")
    assert ready.ready is before
    ready.complete("a")
    assert ready.ready == {"b"}


@pytest.mark.parametrize("form", [("at_least", 3, ("a", "b")), ("at_least", 0, ("a",)), ("most", 1, ("a",))])
def test_G4_a_form_that_means_nothing_is_refused(form: Form) -> None:
    with pytest.raises(InvalidValue, match="of 'x' means nothing"):
        ReadySet({"a": None, "x": form})


def test_G4_a_completion_costs_its_out_degree_not_a_scan() -> None:
    """Counted, not timed: only the leaves of those that follow are touched."""
    forms: dict[str, Form | None] = {f"n{i}": ("all", 2, (f"n{i - 1}", f"n{i - 2}")) for i in range(2, 10_000)}
    ready = ReadySet({"n0": None, "n1": None, **forms})
    assert [leaf.owner for leaf in ready._followers["n500"]] == ["n501", "n502"]
    for i in range(10_000):
        ready.complete(f"n{i}")
    assert ready.ready == frozenset()


def test_law_acyclic_or_declared_deep_forms_use_no_stack() -> None:
    form: Form = "a"
    for _ in range(10_000):
        form = ("all", 1, (form,))
    ready = ReadySet({"a": None, "x": form})
    ready.complete("a")
    assert ready.ready == {"x"}
    ready.complete("x")
    assert ready.ready == frozenset()
