"""Who a slab page is for: the caller of the object that made the cache grow.

Without call chains a page that the slab allocator takes looks like its task's own.  But where the
slab events are recorded too, the kmalloc or kmem_cache_alloc that needed the page follows on the
same cpu and names its call site.  The slab allocator's mask tells such a page: NOWARN, NORETRY and
COMP together (fact sheet 13.9); after a failed first try the next, plainer request is its too.

Hot where slab events are recorded: compiled, see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array

from buddysim.kernel.gfp_table import Gfp
from buddysim.source.event import EventBatch, EventKind

__all__ = ["name_slab_pages"]

_ALLOC = int(EventKind.ALLOC)
_KMALLOC = int(EventKind.KMALLOC)
_KMEM_CACHE_ALLOC = int(EventKind.KMEM_CACHE_ALLOC)
_SLAB_MASK = int(Gfp.NOWARN | Gfp.NORETRY | Gfp.COMP)
_MOST_CPUS = 1 << 16
_NONE = -1


def name_slab_pages(batch: EventBatch) -> None:
    """Give slab pages without a call chain the caller of their object.  O(rows)."""
    kinds = batch.kind.tobytes()
    if _KMALLOC in kinds or _KMEM_CACHE_ALLOC in kinds:
        latest = array("i", [_NONE]) * _MOST_CPUS
        _name(batch, latest, array("i", [_NONE]) * len(batch))


def _name(batch: EventBatch, latest: array[int], before: array[int]) -> None:
    """By cpu, ``latest`` is the last page that waits for its object, ``before`` the one before."""
    kinds, cpus, pfns, gfps = batch.kind, batch.cpu, batch.pfn, batch.gfp
    stacks, tasks, callers = batch.stack, batch.task, batch.caller
    for row in range(len(kinds)):
        kind, cpu = kinds[row], cpus[row]
        page = latest[cpu]
        if kind == _ALLOC:
            retry = page >= 0 and pfns[page] < 0
            if gfps[row] & _SLAB_MASK != _SLAB_MASK and not retry:
                latest[cpu] = _NONE
            elif not stacks[row]:
                before[row] = page
                latest[cpu] = row
        elif kind in (_KMALLOC, _KMEM_CACHE_ALLOC):
            while page >= 0:
                if tasks[page] == tasks[row]:
                    callers[page] = callers[row]
                page = before[page]
            latest[cpu] = _NONE
