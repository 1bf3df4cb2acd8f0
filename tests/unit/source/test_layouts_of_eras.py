"""Every page and slab event as each era's kernel prints it, read back into columns.

``kernel.tracepoint`` says what kernels print; the reader must not need to be told which did.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.kernel.gfp import composite, encode_mask, format_raw
from buddysim.kernel.migratetype import (
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_UNMOVABLE,
    to_printed,
)
from buddysim.kernel.profile import PROFILES
from buddysim.kernel.tracepoint import TRACEPOINTS, is_available, layout_of, printed_name
from buddysim.source.event import EventBatch, EventKind
from buddysim.source.open import open_trace
from buddysim.source.tracepoints import KIND_NAMES
from buddysim.source.tracepoints import TRACEPOINTS as READ_TRACEPOINTS

ERAS = [name for name in PROFILES if name != "2.6.25"]
PFN = 0x1B8AE3
HEADS = {0: "bash-9687  [001]", 4: "bash-9687  [001] d.s2", 5: "bash-9687    [001] d.s2."}


def line(event: str, era: str, **fields: object) -> str:
    """One trace line as a kernel of ``era`` prints it."""
    text = layout_of(event, era).format_map({"page": 0xFFFFEA0000, "pfn": PFN, **fields})
    return f"{HEADS[PROFILES[era].trace_flags]}  1800.509956: {printed_name(event, era)}: {text}\n"


def read(path: Path, text: str, era: str) -> EventBatch:
    """The rows of a trace of a known era."""
    path.write_text(text, encoding="utf-8")
    (batch,) = open_trace(str(path), profile=era).batches()
    return batch


@pytest.mark.parametrize("era", ERAS)
def test_allocation(tmp_path: Path, era: str) -> None:
    mask = composite("GFP_HIGHUSER_MOVABLE", era)
    rows = read(
        tmp_path / "trace.txt",
        line(
            "mm_page_alloc",
            era,
            order=3,
            migratetype=to_printed(MIGRATE_MOVABLE, era),
            gfp_flags=format_raw(encode_mask(mask, era), era, "trace"),
        ),
        era,
    )
    assert list(rows.kind) == [EventKind.ALLOC]
    assert (rows.pfn[0], rows.order[0]) == (PFN, 3)
    assert (rows.migratetype[0], rows.gfp[0]) == (MIGRATE_MOVABLE, mask)


@pytest.mark.parametrize("era", ERAS)
def test_frees_and_per_cpu_traffic(tmp_path: Path, era: str) -> None:
    migratetype = to_printed(MIGRATE_RECLAIMABLE, era)
    text = (
        line("mm_page_free", era, order=2)
        + line("mm_page_free_batched", era, cold=0)
        + line("mm_page_alloc_zone_locked", era, order=0, migratetype=migratetype, percpu_refill=1)
        + line("mm_page_pcpu_drain", era, order=0, migratetype=migratetype)
    )
    rows = read(tmp_path / "trace.txt", text, era)
    assert list(rows.kind) == [
        EventKind.FREE,
        EventKind.FREE_BATCHED,
        EventKind.ZONE_LOCKED,
        EventKind.PCPU_DRAIN,
    ]
    assert set(rows.pfn) == {PFN}
    assert list(rows.order) == [2, 0, 0, 0]
    assert list(rows.migratetype[2:]) == [MIGRATE_RECLAIMABLE] * 2


@pytest.mark.parametrize("era", ERAS)
def test_fallback(tmp_path: Path, era: str) -> None:
    rows = read(
        tmp_path / "trace.txt",
        line(
            "mm_page_alloc_extfrag",
            era,
            alloc_order=1,
            fallback_order=8,
            pageblock_order=9,
            alloc_migratetype=to_printed(MIGRATE_UNMOVABLE, era),
            fallback_migratetype=to_printed(MIGRATE_MOVABLE, era),
            fragmenting=1,
            change_ownership=1,
        ),
        era,
    )
    assert list(rows.kind) == [EventKind.EXTFRAG]
    assert rows.aux[0] == 8 | MIGRATE_MOVABLE << 8 | 1 << 16 | 1 << 17


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("event", ["kmalloc", "kmem_cache_alloc"])
def test_slab_allocation(tmp_path: Path, era: str, event: str) -> None:
    rows = read(
        tmp_path / "trace.txt",
        line(
            event,
            era,
            call_site="alloc_pipe_info+0x5d/0x230",
            ptr=0xDEAFABB6,
            name="names_cache",
            bytes_req=176,
            bytes_alloc=192,
            gfp_flags="GFP_KERNEL",
            node=-1,
            accounted="true",
        ),
        era,
    )
    assert rows.kind[0] in {EventKind.KMALLOC, EventKind.KMEM_CACHE_ALLOC}
    assert (rows.aux[0], rows.gfp[0]) == (192, composite("GFP_KERNEL", era))


def test_the_reader_knows_every_event_of_the_tables() -> None:
    for name, event in TRACEPOINTS.items():
        assert name in READ_TRACEPOINTS
        assert not event.older_name or event.older_name in READ_TRACEPOINTS
    assert set(TRACEPOINTS) <= set(KIND_NAMES.values())


def test_no_line_can_come_from_2_6_25() -> None:
    assert not any(is_available(name, "2.6.25") for name in TRACEPOINTS)
