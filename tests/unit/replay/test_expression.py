"""expect expressions: values, and what is refused."""

from __future__ import annotations

import pytest

from buddysim.errors import ConfigError
from buddysim.replay.expression import parse_expression

_NAMES = {"a": 3, "b": 0, "free_pages": 100}
_HANDLES = {("live", "x"): True, ("freed", "x"): False, ("failed", "x"): False}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a == 3", 1),
        ("a != 3", 0),
        ("1 <= a < 4", 1),
        ("a > 3 or not b", 1),
        ("a and b", 0),
        ("-a + 2 * free_pages // 3 == 63", 1),
        ("a // b == 0 and a % b == 0", 1),
        ("live(x) and not freed(x)", 1),
        ("failed(x)", 0),
        ("True", 1),
    ],
)
def test_value(text: str, value: int) -> None:
    assert parse_expression(text).value(_NAMES, _HANDLES) == value


@pytest.mark.parametrize(
    "text",
    ["a ==", "a = 3", "open('x')", "a.b", "a[0]", "lambda: 1", "'text'", "1.5", "a ** 9", "lve(x)",
     "live(x, x)", "live(1)", "[a]", "a if b else a", "a is b", "(" * 300],
)  # fmt: skip
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_expression(text)
    assert "\n" not in str(caught.value)


def test_a_misspelt_function_is_corrected() -> None:
    with pytest.raises(ConfigError, match="did you mean live"):
        parse_expression("lve(x)")


def test_names_and_handles_are_listed() -> None:
    parsed = parse_expression("a + b > 0 and live(x)")
    assert (parsed.names, parsed.handles) == (["a", "b"], ["x"])
