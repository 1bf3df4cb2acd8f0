"""Layouts of the memory dump in page allocation failure reports, by era (fact sheet 10.1..10.3).

A field is a label as printed, and the unit that follows its number: ``kB``/``KB`` (the value is
shown in KiB) or nothing (pages).  Optional parts of a line name the kernel option they need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from buddysim.kernel.release import row_of_release

__all__ = ["SLUB_WARNING", "VMALLOC_REASONS", "ReportField", "ReportLayout", "layout_of"]


@dataclass(frozen=True, slots=True)
class ReportField:
    """One ``label:number`` of a line."""

    label: str
    unit: str = ""
    spaced: bool = False
    """A blank between colon and number (``shmem_thp: 0kB`` of 5.x)."""
    needs: str = ""
    """Kernel option without which the field is not printed."""


def _fields(text: str) -> tuple[ReportField, ...]:
    """``free:kB pages_scanned: shmem_thp:_kB@thp`` to fields."""
    fields = []
    for item in text.split():
        word, _, needs = item.partition("@")
        label, _, unit = word.rpartition(":")
        fields.append(ReportField(label, unit.lstrip("_"), unit.startswith("_"), needs))
    return tuple(fields)


def _lines(*texts: str) -> tuple[tuple[ReportField, ...], ...]:
    return tuple(_fields(" ".join(f"{word}:" for word in text.split())) for text in texts)


@dataclass(frozen=True)
class ReportLayout:
    """The memory dump of one era, in the order of its parts."""

    provenance: str
    title: str
    counters: tuple[tuple[ReportField, ...], ...]
    """Lines of machine-wide counters in pages; all but the first are indented by a blank."""
    zone: tuple[ReportField, ...]
    tail: tuple[str, ...]
    """Lines after the free lists, as formats over names of totals; ``NAME@OPTION`` lines need a
    kernel option."""
    node: tuple[ReportField, ...] = ()
    """Fields of the per-node line; empty before 4.8."""
    unreclaimable: Literal["zone", "node"] = "zone"
    """Which line ends in ``all_unreclaimable? no``."""
    per_cpu: bool = True
    """A block with each cpu's pageset before the counters."""
    letters: bool = False
    """Free-list lines say which migratetypes each order has."""
    own_zones_only: bool = False
    """Zones above the request's own are left out."""
    dump_once_a_second: bool = False
    """The dump has a rate limit of its own, so a report can come without it (10.5)."""
    cpuset: Literal["", "own-line", "same-line"] = ""
    stack: Literal["pid", "cpu", "cpu-task", "cpu-uid"] = "pid"
    """Heading of the stack: ``Pid:``, ``CPU: PID:``, then with <TASK>, then with UID."""


_LRU = "active_anon:kB inactive_anon:kB active_file:kB inactive_file:kB unevictable:kB "
_ISOLATED = "isolated(anon):kB isolated(file):kB "

_2_6_25 = ReportLayout(
    provenance="fact sheet 10.3, read in 2.6.25",
    title="Mem-info:",
    counters=_lines(
        "Active inactive dirty writeback unstable", "free slab mapped pagetables bounce"
    ),
    zone=_fields("free:kB min:kB low:kB high:kB active:kB inactive:kB present:kB pages_scanned:"),
    tail=(
        "{pagecache} total pagecache pages",
        "Swap cache: add {swap_add}, delete {swap_delete}, find {swap_found}/{swap_looked_up}",
        "Free swap  = {swap_free_kb}kB",
        "Total swap = {swap_total_kb}kB",
        "Free swap:       {swap_free_kb:6d}kB",
        "{present} pages of RAM",
        "{reserved} reserved pages",
        "{shared} pages shared",
        "{swap_cached} pages swap cached",
    ),
)

_2_6_32 = replace(
    _2_6_25,
    provenance="fact sheet 10.3 names the fields, order as in attested reports of 2.6.3x",
    title="Mem-Info:",
    counters=_lines(
        "active_anon inactive_anon isolated_anon",
        "active_file inactive_file isolated_file",
        "unevictable dirty writeback unstable",
        "free slab_reclaimable slab_unreclaimable",
        "mapped shmem pagetables bounce",
    ),
    zone=_fields(
        "free:kB min:kB low:kB high:kB " + _LRU + _ISOLATED + "present:kB mlocked:kB dirty:kB "
        "writeback:kB mapped:kB shmem:kB slab_reclaimable:kB slab_unreclaimable:kB "
        "kernel_stack:kB pagetables:kB unstable:kB bounce:kB writeback_tmp:kB pages_scanned:"
    ),
    tail=(
        "{pagecache} total pagecache pages",
        "{swap_cached} pages in swap cache",
        "Swap cache stats: add {swap_add}, delete {swap_delete}, "
        "find {swap_found}/{swap_looked_up}",
        "Free swap  = {swap_free_kb}kB",
        "Total swap = {swap_total_kb}kB",
        "{present} pages RAM",
        "{reserved} pages reserved",
        "{shared} pages shared",
        "{non_shared} pages non-shared",
    ),
)

_MODERN_TAIL = (
    "{pagecache} total pagecache pages",
    "{swap_cached} pages in swap cache",
    "Free swap  = {swap_free_kb}kB",
    "Total swap = {swap_total_kb}kB",
    "{present} pages RAM",
    "{highmem} pages HighMem/MovableOnly",
    "{reserved} pages reserved",
    "{cma_reserved} pages cma reserved@cma",
)
_STATS_TAIL = (*_MODERN_TAIL[:2], _2_6_32.tail[2], *_MODERN_TAIL[2:])

_3_13 = replace(
    _2_6_32,
    provenance="fact sheet 10.3, read in 3.13",
    counters=(*_2_6_32.counters, _fields("free_cma:")),
    zone=_fields(
        "free:kB min:kB low:kB high:kB " + _LRU + _ISOLATED + "present:kB managed:kB mlocked:kB "
        "dirty:kB writeback:kB mapped:kB shmem:kB slab_reclaimable:kB slab_unreclaimable:kB "
        "kernel_stack:kB pagetables:kB unstable:kB bounce:kB free_cma:kB writeback_tmp:kB "
        "pages_scanned:"
    ),
    tail=_STATS_TAIL,
    letters=True,
    stack="cpu",
)

_4_4 = replace(
    _3_13,
    provenance="fact sheet 10.3, read in 4.4",
    counters=_lines(
        "active_anon inactive_anon isolated_anon",
        "active_file inactive_file isolated_file",
        "unevictable dirty writeback unstable",
        "slab_reclaimable slab_unreclaimable",
        "mapped shmem pagetables bounce",
        "free free_pcp free_cma",
    ),
    zone=_fields(
        "free:kB min:kB low:kB high:kB " + _LRU + _ISOLATED + "present:kB managed:kB mlocked:kB "
        "dirty:kB writeback:kB mapped:kB shmem:kB slab_reclaimable:kB slab_unreclaimable:kB "
        "kernel_stack:kB pagetables:kB unstable:kB bounce:kB free_pcp:kB local_pcp:kB "
        "free_cma:kB writeback_tmp:kB pages_scanned:"
    ),
    per_cpu=False,
)

_NODE_LRU = _LRU + _ISOLATED + "mapped:kB dirty:kB writeback:kB shmem:kB "
_SPACED_THP = "shmem_thp:_kB@thp shmem_pmdmapped:_kB@thp anon_thp:_kB@thp "

_4_9 = replace(
    _4_4,
    provenance="node lines since 4.8 attested; zone line as 4.19",
    node=_fields(_NODE_LRU + _SPACED_THP + "writeback_tmp:kB unstable:kB pages_scanned:"),
    unreclaimable="node",
    zone=_fields(
        "free:kB min:kB low:kB high:kB " + _LRU + "writepending:kB present:kB managed:kB "
        "mlocked:kB slab_reclaimable:kB slab_unreclaimable:kB kernel_stack:kB pagetables:kB "
        "bounce:kB free_pcp:kB local_pcp:kB free_cma:kB"
    ),
)

_4_19 = replace(
    _4_9,
    provenance="fact sheet 10.3, read in 4.19",
    node=_fields(_NODE_LRU + _SPACED_THP + "writeback_tmp:kB unstable:kB"),
    zone=_fields(
        "free:kB min:kB low:kB high:kB " + _LRU + "writepending:kB present:kB managed:kB "
        "mlocked:kB kernel_stack:kB pagetables:kB bounce:kB free_pcp:kB local_pcp:kB free_cma:kB"
    ),
    dump_once_a_second=True,
    cpuset="own-line",
)

_5_0 = replace(
    _4_19,
    provenance="first line attested in 5.4, dump as 4.19",
    dump_once_a_second=False,
    cpuset="same-line",
)

_5_4 = replace(
    _5_0,
    provenance="attested in a report of 5.6",
    zone=_fields(
        "free:kB min:kB low:kB high:kB reserved_highatomic:KB "
        + _LRU
        + "writepending:kB present:kB managed:kB mlocked:kB kernel_stack:kB pagetables:kB "
        "bounce:kB free_pcp:kB local_pcp:kB free_cma:kB"
    ),
)

_5_8 = replace(
    _5_4,
    provenance="attested in reports of 5.8..5.10",
    counters=_lines(
        "active_anon inactive_anon isolated_anon",
        "active_file inactive_file isolated_file",
        "unevictable dirty writeback",
        "slab_reclaimable slab_unreclaimable",
        "mapped shmem pagetables bounce",
        "free free_pcp free_cma",
    ),
    node=_fields(_NODE_LRU + _SPACED_THP + "writeback_tmp:kB kernel_stack:kB"),
    zone=_fields(
        "free:kB min:kB low:kB high:kB reserved_highatomic:KB " + _LRU + "writepending:kB "
        "present:kB managed:kB mlocked:kB pagetables:kB bounce:kB free_pcp:kB local_pcp:kB "
        "free_cma:kB"
    ),
)

_MODERN_ZONE = _fields(
    "free:kB boost:kB min:kB low:kB high:kB reserved_highatomic:KB " + _LRU + "writepending:kB "
    "present:kB managed:kB mlocked:kB bounce:kB free_pcp:kB local_pcp:kB free_cma:kB"
)
_NODE_TAIL = "writeback_tmp:kB kernel_stack:kB pagetables:kB sec_pagetables:kB"

_5_11 = replace(
    _5_8,
    provenance="attested in a report of 5.15",
    node=_fields(_NODE_LRU + _SPACED_THP + "writeback_tmp:kB kernel_stack:kB pagetables:kB"),
    zone=tuple(field for field in _MODERN_ZONE if field.label != "boost"),
)

_6_1 = replace(
    _5_11,
    provenance="fact sheet 10.3, read in 6.1",
    counters=_lines(
        "active_anon inactive_anon isolated_anon",
        "active_file inactive_file isolated_file",
        "unevictable dirty writeback",
        "slab_reclaimable slab_unreclaimable",
        "mapped shmem pagetables",
        "sec_pagetables bounce",
        "kernel_misc_reclaimable",
        "free free_pcp free_cma",
    ),
    node=_fields(_NODE_LRU + _SPACED_THP + _NODE_TAIL),
    zone=_MODERN_ZONE,
    tail=_MODERN_TAIL,
    own_zones_only=True,
    stack="cpu-task",
)

_6_12 = replace(
    _6_1,
    provenance="fact sheet 10.3, read in 6.12; recorded",
    node=_fields(
        _NODE_LRU + "shmem_thp:kB@thp shmem_pmdmapped:kB@thp anon_thp:kB@thp " + _NODE_TAIL
    ),
    stack="cpu-uid",
)

_6_19 = replace(
    _6_12,
    provenance="attested in a report of 6.19",
    zone=_fields(
        "free:kB boost:kB min:kB low:kB high:kB reserved_highatomic:KB free_highatomic:KB "
        + _LRU
        + "writepending:kB zspages:kB present:kB managed:kB mlocked:kB bounce:kB free_pcp:kB "
        "local_pcp:kB free_cma:kB"
    ),
)

_LAYOUTS: tuple[tuple[tuple[int, ...], ReportLayout], ...] = (
    ((2, 6, 24), _2_6_25),
    ((2, 6, 28), _2_6_32),
    ((3, 9), _3_13),
    ((4, 2), _4_4),
    ((4, 8), _4_9),
    ((4, 10), _4_19),
    ((5, 0), _5_0),
    ((5, 4), _5_4),
    ((5, 8), _5_8),
    ((5, 11), _5_11),
    ((6, 0), _6_1),
    ((6, 4), _6_12),
    ((6, 19), _6_19),
)

VMALLOC_REASONS = {
    "pages": "vmalloc error: size {bytes}, failed to allocate pages",
    "array": "vmalloc error: size {bytes}, failed to allocated page array size {array_bytes}",
    "map": "vmalloc error: size {bytes}, failed to map pages",
    "too-large": "vmalloc error: size {bytes}, exceeds total pages",
    "vm_struct": "vmalloc error: size {bytes}, vm_struct allocation failed",
}
"""Texts that stand in the place of ``page allocation failure`` (fact sheet 10.7)."""

SLUB_WARNING = (
    "SLUB: Unable to allocate memory{on_cpu} on node {node}, gfp={mask}({names})",
    "  cache: {cache}, object size: {object_size}, buffer size: {buffer_size}, "
    "default order: {order}, min order: {min_order}",
    "  node {node_id}: slabs: {slabs}, objs: {objects}, free: {free}",
)
"""SLUB's own warning (fact sheet 15.3); the last line once per node with slabs."""


def layout_of(release: str) -> ReportLayout:
    """The layout of a kernel release such as ``6.12`` or ``4.19``.  Raises ConfigError."""
    return row_of_release(release, _LAYOUTS)
