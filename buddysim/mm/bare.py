"""Numbers and arrays of the hot core under names that cost nothing once compiled.

A module-level ``cdef int`` is a variable, read from memory wherever it is named; a name of this
module is a constant there (``bare.pxd``).  Likewise :func:`ints`, :func:`chars` and :func:`lines`
give a compiled caller the address of an array's first element, which stays in a register while
elements are written; an interpreted one gets the array itself, or views of its parts.
"""

from __future__ import annotations

from array import array
from typing import TypeVar

__all__ = [
    "ALLOC_FACTOR",
    "BATCH",
    "CMA",
    "CMA_DIFF",
    "COUNT",
    "CPU_WORDS",
    "FLAGS",
    "FREE_COUNT",
    "FREE_DIFF",
    "HIGH",
    "HIGHATOMIC",
    "HIGH_MAX",
    "HIGH_MIN",
    "ISOLATE",
    "MAX_ORDER",
    "NOT_HEAD",
    "NR_TYPES",
    "PCPTYPES",
    "PCP_DYNAMIC",
    "PCP_HEAD",
    "PCP_LISTS",
    "PREV_FREE_HIGH_ORDER",
    "SCALE_MAX",
    "chars",
    "ints",
    "lines",
]

_Chars = TypeVar("_Chars", "array[int]", "memoryview[int]")

MAX_ORDER = 10
NR_TYPES = 6
PCPTYPES = 3
"""Migratetypes with pcp lists of their own."""
HIGHATOMIC = 3
CMA = 4
ISOLATE = 5

NOT_HEAD = -1
"""``order_of`` of a page that is neither the head of a free block nor on a pcp list."""
PCP_HEAD = -2
"""``order_of`` of the head of an order-o block on a pcp list is ``PCP_HEAD - o``."""
PCP_LISTS = 14
"""Lists per cpu: order * 3 + migratetype for orders 0..3, then two for order 9."""
PCP_DYNAMIC = 2
PREV_FREE_HIGH_ORDER = 1
SCALE_MAX = 5

COUNT = 0
HIGH = 1
HIGH_MIN = 2
HIGH_MAX = 3
BATCH = 4
FREE_COUNT = 5
ALLOC_FACTOR = 6
FLAGS = 7
FREE_DIFF = 8
CMA_DIFF = 9
CPU_WORDS = 16
"""Words of one cpu in ``FreeArea.per_cpu``, one cache line; the names above are places in it."""


def lines(view: array[int]) -> list[memoryview[int]]:
    """By cpu, the words of an array of C ints that is never replaced nor resized."""
    whole = memoryview(view)
    return [whole[at : at + CPU_WORDS] for at in range(0, len(view), CPU_WORDS)]


def ints(view: memoryview[int]) -> memoryview[int]:
    """The elements of a view of C ints that is never replaced."""
    return view


def chars(view: _Chars) -> _Chars:
    """The elements of signed C chars that are never replaced nor resized."""
    return view
