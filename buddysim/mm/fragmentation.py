"""Fragmentation indices of a zone and the debugfs lines that print them (fact sheet 9).

``nr_free[k]`` is the number of free blocks of order k, over all migratetypes.  Both indices are
thousandths.  Every function is O(MAX_PAGE_ORDER) per index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import mul

from buddysim.kernel.constants import NR_PAGE_ORDERS

__all__ = [
    "extfrag_line",
    "format_extfrag",
    "format_unusable",
    "fragmentation_index",
    "free_pages",
    "suitable_blocks",
    "unusable_free_index",
    "unusable_free_indexes",
    "unusable_line",
]

_SUITABLE = -1000
_PAGES_OF_ORDER = tuple(1 << order for order in range(NR_PAGE_ORDERS))


def free_pages(nr_free: Sequence[int]) -> int:
    """Pages in all free blocks."""
    return sum(map(mul, nr_free, _PAGES_OF_ORDER))


def suitable_blocks(nr_free: Sequence[int], order: int) -> int:
    """Blocks of ``order`` that can be cut from the free ones without any merge."""
    return sum(blocks << (k - order) for k, blocks in enumerate(nr_free) if k >= order)


def unusable_free_index(nr_free: Sequence[int], order: int) -> int:
    """Share of free memory in blocks too small for ``order``: 0..1000; 1000 when none is free."""
    (index,) = unusable_free_indexes(nr_free, (order,))
    return index


def unusable_free_indexes(nr_free: Sequence[int], orders: Collection[int]) -> tuple[int, ...]:
    """:func:`unusable_free_index` for each of ``orders``."""
    free = free_pages(nr_free)
    if free == 0:
        return (1000,) * len(orders)
    return tuple(free_pages(nr_free[:order]) * 1000 // free for order in orders)


def fragmentation_index(nr_free: Sequence[int], order: int) -> int:
    """Why a request of ``order`` would fail: towards 0 for lack of memory, towards 1000 for
    fragmentation; -1000 when it would not fail.

    A single free block can give a value between, -500 for one of the next smaller order; that is
    what the kernel computes and prints.  0 when nothing is free or the order is impossible.
    """
    if order >= len(nr_free):
        return 0
    blocks = sum(nr_free)
    if blocks == 0:
        return 0
    if suitable_blocks(nr_free, order):
        return _SUITABLE
    return 1000 - (1000 + free_pages(nr_free) * 1000 // (1 << order)) // blocks


def format_unusable(index: int) -> str:
    """One value as ``unusable_index`` prints it: ``0.195``."""
    return f"{index // 1000}.{index % 1000:03d}"


def format_extfrag(index: int) -> str:
    """One value as ``extfrag_index`` prints it: ``-1.000``, `` 0.827``, `` 0.-500``.

    C division truncates toward zero and the remainder keeps the sign, hence the last.
    """
    whole, rest = divmod(abs(index), 1000)
    if index < 0:
        whole, rest = -whole, -rest
    return f"{whole:2d}.{rest:03d}"


def unusable_line(node: int, zone: str, nr_free: Sequence[int]) -> str:
    """A zone's line of /sys/kernel/debug/extfrag/unusable_index, with its trailing space."""
    indexes = unusable_free_indexes(nr_free, range(len(nr_free)))
    return _line(node, zone, map(format_unusable, indexes))


def extfrag_line(node: int, zone: str, nr_free: Sequence[int]) -> str:
    """A zone's line of /sys/kernel/debug/extfrag/extfrag_index, with its trailing space."""
    values = (format_extfrag(fragmentation_index(nr_free, order)) for order in range(len(nr_free)))
    return _line(node, zone, values)


def _line(node: int, zone: str, values: Iterable[str]) -> str:
    return f"Node {node}, zone {zone:>8s} " + "".join(f"{value} " for value in values)
