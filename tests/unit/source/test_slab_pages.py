"""Slab pages belong to whoever's object made the cache grow."""

from __future__ import annotations

from pathlib import Path

from buddysim.source.event import EventBatch, EventKind
from buddysim.source.open import open_trace
from buddysim.source.slab_pages import name_slab_pages

SLAB, PLAIN = 0x2000 | 0x10000 | 0x40000, 0xCC0
TASK, SITE = 1, 9


def callers(*rows: tuple[EventKind, dict[str, int]]) -> list[int]:
    batch = EventBatch()
    for kind, told in rows:
        slab = kind in (EventKind.KMALLOC, EventKind.KMEM_CACHE_ALLOC)
        defaults = {"pfn": 5, "task": TASK, "caller": SITE if slab else TASK}
        batch.append(kind, time_ns=1, **(defaults | told))
    name_slab_pages(batch)
    return batch.caller.tolist()


def page(**told: int) -> tuple[EventKind, dict[str, int]]:
    return EventKind.ALLOC, {"gfp": SLAB, **told}


def thing(**told: int) -> tuple[EventKind, dict[str, int]]:
    return EventKind.KMEM_CACHE_ALLOC, told


def test_page_takes_the_caller_of_the_object_that_follows() -> None:
    assert callers(page(), thing()) == [SITE, SITE]
    assert callers(page(), (EventKind.FREE, {}), (EventKind.KMALLOC, {})) == [SITE, TASK, SITE]


def test_retry_after_a_failed_first_try_is_the_same_page() -> None:
    assert callers(page(pfn=-1), page(gfp=PLAIN), thing()) == [SITE, SITE, SITE]


def test_other_pages_cpus_tasks_and_chains_are_left_alone() -> None:
    assert callers(page(gfp=PLAIN), thing()) == [TASK, SITE]
    assert callers(page(), page(gfp=PLAIN), thing()) == [TASK, TASK, SITE]
    assert callers(page(), thing(cpu=1)) == [TASK, SITE]
    assert callers(page(), thing(task=2)) == [TASK, SITE]
    assert callers(page(stack=3), thing()) == [TASK, SITE]
    assert callers(page()) == [TASK]


def test_real_recording_names_the_filesystems_caches(oracle_dir: Path) -> None:
    trace = open_trace(str(oracle_dir / "x86-ftrace/smallfiles-allkmem/trace.txt.zst"))
    named = {
        trace.tables.callers[caller]
        for batch in trace.batches()
        for kind, caller, gfp in zip(batch.kind, batch.caller, batch.gfp, strict=True)
        if kind == EventKind.ALLOC and gfp & SLAB == SLAB
    }
    assert named >= {"ext4_alloc_inode", "__d_alloc", "alloc_buffer_head"}
