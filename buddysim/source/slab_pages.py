"""Who a slab page is for: the caller of the object that made the cache grow.

Without call chains a page that the slab allocator takes looks like its task's own.  But where the
slab events are recorded too, the kmalloc or kmem_cache_alloc that needed the page follows on the
same cpu and names its call site.  The slab allocator's mask tells such a page: NOWARN, NORETRY and
COMP together (fact sheet 13.9); after a failed first try the next, plainer request is its too.
"""

from __future__ import annotations

from buddysim.kernel.gfp import Gfp
from buddysim.source.event import EventBatch, EventKind

__all__ = ["name_slab_pages"]

_ALLOC = int(EventKind.ALLOC)
_OBJECT_KINDS = (int(EventKind.KMALLOC), int(EventKind.KMEM_CACHE_ALLOC))
_SLAB_MASK = int(Gfp.NOWARN | Gfp.NORETRY | Gfp.COMP)


def name_slab_pages(batch: EventBatch) -> None:
    """Give slab pages without a call chain the caller of their object.  O(rows)."""
    kinds = batch.kind.tobytes()
    if not any(kind in kinds for kind in _OBJECT_KINDS):
        return
    waiting: dict[int, list[int]] = {}
    for row, kind in enumerate(kinds):
        if kind == _ALLOC:
            rows = waiting.setdefault(batch.cpu[row], [])
            retry = bool(rows) and batch.pfn[rows[-1]] < 0
            if batch.gfp[row] & _SLAB_MASK != _SLAB_MASK and not retry:
                rows.clear()
            elif not batch.stack[row]:
                rows.append(row)
        elif kind in _OBJECT_KINDS:
            for page in waiting.pop(batch.cpu[row], ()):
                if batch.task[page] == batch.task[row]:
                    batch.caller[page] = batch.caller[row]
