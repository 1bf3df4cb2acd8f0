"""Widen the narrow columns of packed traces: the inner loops of their reader.

Hot and compiled: see the sibling ``.pxd``.  Both refuse, by their result, what would read or write
out of bounds; sizes are the caller's business.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

__all__ = ["gather", "undelta"]


def gather(palette: Sequence[int], index: Sequence[int], out: array[int]) -> bool:
    """``out[r] = palette[index[r]]`` for every row; False when an index is out of range."""
    size = len(palette)
    for row in range(len(index)):
        number = index[row]
        if number >= size:
            return False
        out[row] = palette[number]
    return True


def undelta(  # noqa: PLR0917  # the compiled build takes no keywords here
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
