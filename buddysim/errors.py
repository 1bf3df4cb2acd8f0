"""The exception tree.

    BuddysimError
      InputError                exit 2: something the user gave us is wrong
        TraceError              a trace, a kernel log, a script
        ConfigError             options, machine files, masks
        FaultSpecError          ``--fault``
      ValidationError           exit 4: an invariant of ours broke

A failed *allocation* is a value, never an exception: it is the subject of this tool.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "BuddysimError",
    "ConfigError",
    "FaultSpecError",
    "InputError",
    "TraceError",
    "ValidationError",
    "did_you_mean",
    "nearest_word",
]


def nearest_word(word: str, known: Iterable[str]) -> str:
    """Of ``known`` the word most like a misspelt one; empty when there is nothing to compare."""
    # Importing it takes longer than most commands have to do.
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.0)
    return close[0] if close else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean X?`` with the :func:`nearest_word`; empty for an empty word or without one."""
    near = nearest_word(word, known)
    return f"did you mean {near}?" if near and word else ""


class BuddysimError(Exception):
    """Base of everything buddysim raises on purpose."""


class InputError(BuddysimError):
    """Bad input, told in one line: where, what was found, what was expected, what to try.

    ``line`` and ``column`` count from 1; 0 means "not about one line (or column)".
    """

    def __init__(
        self,
        found: str,
        *,
        path: str = "",
        line: int = 0,
        column: int = 0,
        expected: str = "",
        hint: str = "",
    ) -> None:
        self.found = found
        self.path = path
        self.line = line
        self.column = column
        self.expected = expected
        self.hint = hint
        super().__init__(self.one_line())

    def one_line(self) -> str:
        """``path:line:column: found; expected ...; hint`` with the empty parts left out."""
        where = self.path
        if self.line:
            where += f":{self.line}" if where else f"line {self.line}"
            if self.column:
                where += f":{self.column}"
        elif self.column:
            where += f": column {self.column}" if where else f"column {self.column}"
        text = f"{where}: {self.found}" if where else self.found
        if self.expected:
            text += f"; expected {self.expected}"
        if self.hint:
            text += f" ({self.hint})"
        return " ".join(text.split())


class TraceError(InputError):
    """A trace, script or log that cannot be read as what it claims to be."""


class ConfigError(InputError):
    """An option, a machine description or a GFP mask that makes no sense."""


class FaultSpecError(InputError):
    """A ``--fault`` specification that does not parse."""


class ValidationError(BuddysimError):
    """Two facts that must agree do not; the message carries both and the event number."""
