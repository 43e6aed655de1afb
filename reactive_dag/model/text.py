"""Texts on their way in: plain `str` that UTF-8 can write, or a refusal; and texts for messages.

Owns no state. Invariant: what `text_in` gives is an exact `str`, whatever subclass was given (`numpy.str_`, an enum's
member), and can be written to every store. Cost: O(1) for ASCII text, else O(its length).
"""

from __future__ import annotations

from collections.abc import Sequence

from .errors import InvalidValue

LONGEST_SHOWN = 500
"""So many characters of a value at most stand in a message."""

LONGEST_GIVEN = 65_536
"""So many characters has a text at most that names or explains: a key, a partition, a reason."""

MOST_NAMES = 5
"""So many names of a long list stand in a message."""


class Short(str):
    """A text that stands for a longer one, its `whole`; what shows it can offer that too.

    >>> Short("6853c741", "6853c741ab12"), Short("6853c741", "6853c741ab12").whole
    ('6853c741', '6853c741ab12')
    """

    whole: str

    def __new__(cls, text: str, whole: str) -> Short:
        self = super().__new__(cls, text)
        self.whole = whole
        return self


def exact(value: str) -> str:
    """A text as a plain `str`, without calling a method of its subclass. O(its length) for a subclass.

    >>> class Name(str): pass
    >>> type(exact(Name("a"))) is str
    True
    """
    return value if type(value) is str else str.__str__(value)


def text_in(value: object, what: str) -> str:
    """A given text as plain `str`. O(its length). Raises InvalidValue for what is none, cannot be written, or is long.

    >>> text_in("orders", "uri")
    'orders'
    >>> text_in("\\ud800", "key")
    Traceback (most recent call last):
    reactive_dag.model.errors.InvalidValue: key '\\ud800' cannot be written as UTF-8: surrogates not allowed
    """
    if not isinstance(value, str):
        raise InvalidValue(f"{what} {seen(value)} is no text; give it as text")
    text = exact(value)
    if len(text) > LONGEST_GIVEN:
        raise InvalidValue(f"{what} {text[:20]!r}… has {len(text):,} characters, more than {LONGEST_GIVEN:,}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidValue(f"{what} {seen(text)} cannot be written as UTF-8: {error.reason}") from None
    return text


def seen(value: object) -> str:
    """A value as a message shows it, cut to a length that can be read; whatever its class does. O(its repr).

    >>> seen("a" * 1000)[-10:], seen([1])
    ('aaaaaaaaa…', '[1]')
    """
    try:
        text = exact(repr(exact(value) if isinstance(value, str) else value))
    except Exception as error:  # its own repr raises
        text = f"something of type {type(value).__name__}, whose repr raises {type(error).__name__}"
    text = writable(text)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def text_at(value: object, name: str) -> str | None:
    """The text that an object has as an attribute; None where it has none, or its own code raises. O(1).

    >>> text_at(len, "__name__"), text_at(len, "id")
    ('len', None)
    """
    try:
        found = getattr(value, name, None)
    except Exception:  # a property of the user's
        return None
    return exact(found) if isinstance(found, str) else None


def writable(text: str) -> str:
    r"""A text for a record that must not be refused: what UTF-8 cannot write is escaped. O(its length).

    >>> writable("a\ud800")
    'a\\ud800'
    """
    text = exact(text)
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def one_line(text: str) -> str:
    r"""A text as a line or a cell of a table shows it: what breaks lines or moves the cursor is escaped. O(its length).

    >>> one_line("eu"), one_line("a\tb\nc\x1b[1m")
    ('eu', 'a\\tb\\nc\\x1b[1m')
    """
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() else repr(each)[1:-1] for each in text])


def counted(count: int, noun: str) -> str:
    """A number of things in words. O(1).

    >>> counted(1, "run"), counted(2, "run"), counted(0, "warning")
    ('1 run', '2 runs', '0 warnings')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def first_of(names: Sequence[str]) -> str:
    """The first of some names, and how many others there are. O(1).

    >>> first_of(["a", "b"]), first_of("abcdefg")
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
