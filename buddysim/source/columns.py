"""Inner loops over whole columns: widen the narrow ones of packed traces, reorder rows.

Hot and compiled: see the sibling ``.pxd``.  Both refuse, by their result, what would read or write
out of bounds; sizes are the caller's business.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

__all__ = ["gather", "is_uniform", "permute", "typed", "undelta", "widen"]

_C_TYPES = {
    "B": "unsigned char",
    "H": "unsigned short",
    "I": "unsigned int",
    "b": "signed char",
    "h": "short",
    "i": "int",
    "q": "long long",
}


def typed(function: Callable[..., bool], *typecodes: str) -> Callable[..., bool]:
    """The variant of a function below for columns of these typecodes.

    Interpreted there is one for all, for some functions a quicker one.  Compiled, letting Cython
    choose at each call would be slow and would import numpy to look for its arrays.
    """
    variants: dict[str, Callable[..., bool]] | None = getattr(function, "__signatures__", None)
    if variants is None:
        quicker: dict[Callable[..., bool], Callable[..., bool]] = {
            gather: _gather_by_map,
            is_uniform: _is_uniform_by_copy,
        }
        return quicker.get(function, function)
    wanted = "|".join(_C_TYPES[typecode] for typecode in typecodes)
    return next(
        variant for name, variant in variants.items() if name.replace("const ", "") == wanted
    )


def gather(palette: Sequence[int], index: Sequence[int], out: array[int]) -> bool:
    """``out[r] = palette[index[r]]`` for every row; False when an index is out of range."""
    size = len(palette)
    for row in range(len(index)):
        number = index[row]
        if number >= size:
            return False
        out[row] = palette[number]
    return True


def widen(stored: Sequence[int], out: array[int]) -> bool:
    """``out[r] = stored[r]`` for every row; False when there are more rows than ``out`` has."""
    if len(stored) > len(out):
        return False
    for row in range(len(stored)):
        out[row] = stored[row]
    return True


def undelta(  # the compiled build takes no keywords here
    base: int,
    scale: int,
    escape: int,
    stored: Sequence[int],
    odd: Sequence[int],
    out: array[int],
) -> bool:
    """Running sum from ``base`` of ``stored * scale``; False when ``odd`` has the wrong length.

    A stored value equal to ``escape`` stands for the next value of ``odd``, unscaled.
    """
    value = base
    used = 0
    exceptions = len(odd)
    for row in range(len(stored)):
        step = stored[row]
        if step != escape:
            value += step * scale
        elif used < exceptions:
            value += odd[used]
            used += 1
        else:
            return False
        out[row] = value
    return used == exceptions


def permute(column: Sequence[int], order: Sequence[int], out: array[int]) -> bool:
    """``out[r] = column[order[r]]`` for every row; False when a row is out of range."""
    size = len(column)
    for row in range(len(order)):
        number = order[row]
        if number >= size:
            return False
        out[row] = column[number]
    return True


def is_uniform(column: Sequence[int], start: int, stop: int) -> bool:
    """Do the rows [start, stop), one or more, hold one number only?"""
    number = column[start]
    row = start + 1
    while row < stop and column[row] == number:
        row += 1
    return row >= stop


def _gather_by_map(palette: memoryview[int], index: memoryview[int], out: array[int]) -> bool:
    """:func:`gather` where its loop would be interpreted."""
    try:
        out[:] = array(out.typecode, map(palette.tolist().__getitem__, index))
    except IndexError:
        return False
    return True


def _is_uniform_by_copy(column: array[int], start: int, stop: int) -> bool:
    """:func:`is_uniform` where its loop would be interpreted."""
    if column[start] != column[stop - 1]:
        return False
    return column[start:stop] == column[start : start + 1] * (stop - start)
