"""SLUB's choice of page order for a cache (fact sheet 15.1)."""

from __future__ import annotations

from dataclasses import dataclass

from buddysim.kernel.constants import MAX_PAGE_ORDER

__all__ = ["SlabOrder", "kmalloc_cache_name", "slab_order"]

_PAGE_SIZE = 4096
_SLAB_MAX_ORDER = 3
_MAX_OBJECTS = 32767
_FRACTIONS = (16, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class SlabOrder:
    """``order`` is tried first and silently, ``min_order`` when that fails."""

    order: int
    min_order: int


def slab_order(size: int, ncpus: int) -> SlabOrder:
    """Orders of a cache with padded objects of ``size`` bytes on ``ncpus`` cpus.

    Raises ValueError when one object does not fit in the largest block.
    """
    min_order = _order_of(size)
    if min_order > MAX_PAGE_ORDER:
        raise ValueError(f"object of {size} bytes")
    max_objects = max((_PAGE_SIZE << _SLAB_MAX_ORDER) // size, 1)
    min_objects = min(4 * (ncpus.bit_length() + 1), max_objects)
    smallest = _order_of(min_objects * size)
    if (_PAGE_SIZE << smallest) // size > _MAX_OBJECTS:
        return SlabOrder(_order_of(size * _MAX_OBJECTS) - 1, min_order)
    for fraction in _FRACTIONS:
        for order in range(smallest, _SLAB_MAX_ORDER + 1):
            slab_bytes = _PAGE_SIZE << order
            if slab_bytes % size <= slab_bytes // fraction:
                return SlabOrder(order, min_order)
    return SlabOrder(min_order, min_order)


def kmalloc_cache_name(object_size: int, prefix: str = "kmalloc") -> str:
    """``kmalloc-4k``, ``kmalloc-256``: name of the cache with objects of that many bytes."""
    if object_size >= 1024:
        return f"{prefix}-{object_size // 1024}k"
    return f"{prefix}-{object_size}"


def _order_of(nr_bytes: int) -> int:
    return (-(-nr_bytes // _PAGE_SIZE) - 1).bit_length()
