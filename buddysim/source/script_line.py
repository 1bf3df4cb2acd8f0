"""Cut one line of a script into fields that know their column, and read their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from buddysim.errors import InputError, TraceError, did_you_mean
from buddysim.kernel.constants import MAX_PAGE_ORDER
from buddysim.kernel.gfp import parse_names, unknown_bits
from buddysim.units import parse_duration

__all__ = ["Field", "Options", "ScriptLine"]

_FIELD = re.compile(r"\S+")
_SECONDS = re.compile(r"(\d+)(?:\.(\d{1,9}))?")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Field:
    """A word and its column, from 1."""

    text: str
    column: int


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One line without its comment."""

    path: str
    number: int
    fields: tuple[Field, ...]
    text: str

    @classmethod
    def cut(cls, path: str, number: int, text: str) -> ScriptLine:
        """Fields of a line; a ``#`` starts a comment."""
        told = text.partition("#")[0].rstrip()
        fields = tuple(Field(m[0], m.start() + 1) for m in _FIELD.finditer(told))
        return cls(path, number, fields, told)

    def fail(self, found: str, column: int, expected: str = "", hint: str = "") -> NoReturn:
        """Raise TraceError about this line."""
        raise TraceError(
            found, path=self.path, line=self.number, column=column, expected=expected, hint=hint
        )

    def unknown(self, what: str, field: Field, known: Iterable[str], word: str = "") -> NoReturn:
        """Raise TraceError about a word that is none of ``known``."""
        known = sorted(known)
        self.fail(
            f"unknown {what} {word or field.text!r}",
            field.column,
            expected=", ".join(known),
            hint=did_you_mean(word or field.text, known),
        )

    def read(self, reader: Callable[[str], _T], text: str, column: int) -> _T:
        """``reader(text)``, its errors moved to this line and ``column``."""
        try:
            return reader(text)
        except InputError as error:
            at = column + max(error.column - 1, 0)
            self.fail(error.found, at, error.expected, error.hint)

    def seconds(self, field: Field) -> int:
        """``0.000100`` to nanoseconds."""
        if field.text.startswith("-"):
            self.fail(f"negative time {field.text!r}", field.column, "seconds from the start")
        match = _SECONDS.fullmatch(field.text)
        if match is None:
            self.fail(
                f"time {field.text!r}",
                field.column,
                "seconds such as 0.000100 or +20us",
                "a line begins with its time, or with @ for a directive",
            )
        return int(match[1]) * 10**9 + int((match[2] or "").ljust(9, "0"))

    def time_ns(self, field: Field, previous_ns: int) -> int:
        """Absolute time of a statement.  Raises TraceError when it runs backwards."""
        if field.text.startswith("+"):
            return previous_ns + self.read(parse_duration, field.text[1:], field.column + 1)
        now = self.seconds(field)
        if now < previous_ns:
            self.fail(
                f"time {field.text} runs backwards",
                field.column,
                f"at least {previous_ns / 1e9:.9f}",
            )
        return now


class Options:
    """``key=value`` fields of one line; every key must be taken."""

    def __init__(self, line: ScriptLine, fields: Iterable[Field], known: Iterable[str]) -> None:
        self._line = line
        self._values: dict[str, Field] = {}
        names = tuple(known)
        for field in fields:
            key, equals, value = field.text.partition("=")
            if not equals:
                line.fail(f"{field.text!r}", field.column, "key=value with " + ", ".join(names))
            if key not in names:
                line.unknown("option", field, names, key)
            if key in self._values:
                line.fail(f"option {key} given twice", field.column)
            self._values[key] = Field(value, field.column + len(key) + 1)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def field(self, key: str) -> Field | None:
        """The value with its column, or None."""
        return self._values.get(key)

    def text(self, key: str, default: str = "") -> str:
        """The value as written."""
        field = self._values.get(key)
        return field.text if field else default

    def whole(self, key: str, default: int, low: int, high: int, unit: str) -> int:
        """A whole number in low..high; ``unit`` completes the error message."""
        field = self._values.get(key)
        if field is None:
            return default
        text = field.text
        if not text.isdecimal() or not low <= int(text) <= high:
            self._line.fail(f"{key}={text}", field.column, f"{low} to {high} {unit}".rstrip())
        return int(text)

    def order(self, default: int = 0) -> int:
        """``order=``, 0..10."""
        return self.whole("order", default, 0, MAX_PAGE_ORDER, "(MAX_PAGE_ORDER)")

    def word(self, key: str, known: Iterable[str], default: str) -> str:
        """One of ``known``."""
        field = self._values.get(key)
        if field is None:
            return default
        if field.text not in (words := tuple(known)):
            self._line.unknown(key, field, words)
        return field.text

    def value(self, key: str, reader: Callable[[str], _T], default: _T) -> _T:
        """The value read by ``reader``."""
        field = self._values.get(key)
        return default if field is None else self._line.read(reader, field.text, field.column)

    def gfp(self, era: str, default: str = "GFP_KERNEL") -> tuple[int, str]:
        """``gfp=`` as canonical mask and text."""
        field = self._values.get("gfp")
        if field is None:
            return parse_names(default, era), default
        mask = self._line.read(lambda text: parse_names(text, era), field.text, field.column)
        for word in field.text.split("|"):
            if word[:2].lower() == "0x" and (bits := unknown_bits(int(word, 16), era)):
                self._line.fail(
                    f"GFP mask {word} has bits {bits:#x} that mean nothing in {era}",
                    field.column,
                    hint=f"buddysim gfp {word}",
                )
        return mask, field.text
