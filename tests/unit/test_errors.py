"""One-line messages of input errors."""

from __future__ import annotations

import pytest

from buddysim.errors import (
    BuddysimError,
    ConfigError,
    FaultSpecError,
    InputError,
    TraceError,
    ValidationError,
)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TraceError("order=11"), "order=11"),
        (TraceError("order=11", path="a.trace", line=3, column=9), "a.trace:3:9: order=11"),
        (TraceError("empty file", path="a.trace"), "a.trace: empty file"),
        (TraceError("order=11", line=3), "line 3: order=11"),
        (ConfigError("unknown name", column=12), "column 12: unknown name"),
        (ConfigError("size '3X'", expected="K, M or G", hint="64M"),
         "size '3X'; expected K, M or G (64M)"),
        (TraceError("two\nlines  here"), "two lines here"),
    ],
)  # fmt: skip
def test_one_line(error: InputError, line: str) -> None:
    assert error.one_line() == str(error) == line


def test_parts_stay_readable() -> None:
    error = FaultSpecError("times=x", path="run", line=1, column=2, expected="a number", hint="-1")
    assert (error.found, error.path, error.line, error.column) == ("times=x", "run", 1, 2)
    assert (error.expected, error.hint) == ("a number", "-1")


def test_input_errors_and_our_bugs_are_told_apart() -> None:
    for kind in (TraceError, ConfigError, FaultSpecError):
        assert issubclass(kind, InputError)
    assert issubclass(ValidationError, BuddysimError)
    assert not issubclass(ValidationError, InputError)
