"""``expect`` expressions: comparisons over counters and machine facts, evaluated without eval()."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from buddysim.errors import ConfigError, nearest_word

__all__ = ["FUNCTIONS", "Expression", "parse_expression"]

FUNCTIONS = ("failed", "freed", "live")
"""Tests of one handle: ``live(b0)``."""
_COMPARE: dict[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_EXPECTED = "comparisons of names and whole numbers with and, or, not, + - * // %"


class Expression:
    """One checked expression; :attr:`names` and :attr:`handles` are what it mentions."""

    def __init__(self, text: str, tree: ast.expr) -> None:
        self.text = text
        self._tree = tree
        self.names: list[str] = []
        self.handles: list[str] = []
        _check(tree, self.names, self.handles)

    def value(self, names: Mapping[str, int], handles: Mapping[tuple[str, str], bool]) -> int:
        """Its value; ``handles`` maps (function, handle) to an answer.  Division by 0 is 0."""
        return _value(self._tree, names, handles)


def parse_expression(text: str) -> Expression:
    """Check an expression.  Raises ConfigError with the column (from 1)."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        column = getattr(error, "offset", None) or 1
        raise ConfigError(f"expression {text!r}", column=column, expected=_EXPECTED) from None
    return Expression(text, tree)


def _refuse(node: ast.expr) -> ConfigError:
    return ConfigError(
        f"{ast.unparse(node)!r} in an expression", column=node.col_offset + 1, expected=_EXPECTED
    )


def _check(node: ast.expr, names: list[str], handles: list[str]) -> None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return
    if isinstance(node, ast.Name):
        names.append(node.id)
        return
    if isinstance(node, ast.Call):
        _check_call(node, handles)
        return
    for child in _operands(node):
        _check(child, names, handles)


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        return [node.operand]
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return [node.left, node.right]
    if isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
        return [node.left, *node.comparators]
    raise _refuse(node)


def _check_call(node: ast.Call, handles: list[str]) -> None:
    function, arguments = node.func, node.args
    if not isinstance(function, ast.Name) or function.id not in FUNCTIONS:
        word = function.id if isinstance(function, ast.Name) else ""
        raise ConfigError(
            f"unknown function {ast.unparse(function)!r}",
            column=node.col_offset + 1,
            expected=", ".join(f"{name}(HANDLE)" for name in FUNCTIONS),
            hint=f"did you mean {nearest_word(word, FUNCTIONS)}?",
        )
    if len(arguments) != 1 or node.keywords or not isinstance(arguments[0], ast.Name):
        raise _refuse(node)
    handles.append(arguments[0].id)


def _value(
    node: ast.expr, names: Mapping[str, int], handles: Mapping[tuple[str, str], bool]
) -> int:
    if isinstance(node, ast.Constant):
        return int(node.value)  # type: ignore[arg-type]  # _check let only ints pass
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.Call):
        return int(handles[ast.unparse(node.func), ast.unparse(node.args[0])])
    values = [_value(child, names, handles) for child in _operands(node)]
    if isinstance(node, ast.BoolOp):
        together = all if isinstance(node.op, ast.And) else any
        return int(together(values))
    if isinstance(node, ast.UnaryOp):
        return int(not values[0]) if isinstance(node.op, ast.Not) else -values[0]
    if isinstance(node, ast.BinOp):
        divides = isinstance(node.op, ast.FloorDiv | ast.Mod)
        return 0 if divides and values[1] == 0 else _ARITHMETIC[type(node.op)](*values)
    assert isinstance(node, ast.Compare)
    pairs = zip(node.ops, values, values[1:], strict=False)
    return int(all(_COMPARE[type(op)](left, right) for op, left, right in pairs))
