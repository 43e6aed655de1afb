"""Texts on their way in: exact `str`, whatever subclass was given, and nothing that UTF-8 cannot write."""

from __future__ import annotations

import pytest
from hypothesis import given

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import seen, text_at, text_in, writable
from tests.support.hostile import Holder, Loud, Quiet, Shy, nested, texts, values


@given(texts)
def test_a_text_that_comes_in_is_plain_and_can_be_written(text: str) -> None:
    try:
        found = text_in(text, "x")
    except InvalidValue as error:
        assert "UTF-8" in str(error)
        return
    assert type(found) is str and str.__eq__(text, found) and found.encode() is not None


@given(values)
def test_everything_can_be_shown(value: object) -> None:
    assert type(seen(value)) is str and seen(value).encode() and len(seen(value)) <= 500


@given(texts)
def test_every_text_can_be_made_writable(text: str) -> None:
    assert type(writable(text)) is str and writable(text).encode() is not None


def test_what_a_message_shows() -> None:
    assert seen(Loud("a")) == seen(Quiet("a")) == "'a'"
    assert "LookupError" in seen(Shy()) and "RecursionError" in seen(nested(50_000))
    assert text_at(Holder("a"), "id") == "a" and text_at(Shy(), "id") is None and text_at(3, "id") is None


@pytest.mark.parametrize("value", [None, 3, b"a", ["a"]])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match=r"x .* is no text"):
        text_in(value, "x")
