"""Text of the allocator's tracepoints by era (fact sheet 13.1, 13.2, 13.4).

Layouts are format strings over named fields: ``page`` and ``ptr`` are pointers as numbers,
``gfp_flags`` and ``call_site`` are text, everything else is a number.  Names are modern; what older
kernels called an event is in ``older_name``.  Releases marked [M] in the fact sheet are repeated
as given there.
"""

from __future__ import annotations

from dataclasses import dataclass

from buddysim.errors import ConfigError
from buddysim.kernel.release import parse_release, row_of_release

__all__ = [
    "TRACEPOINTS",
    "Tracepoint",
    "is_available",
    "layout_of",
    "modern_name",
    "printed_name",
]

Release = tuple[int, ...]


@dataclass(frozen=True)
class Tracepoint:
    """One event over all eras."""

    name: str
    since: Release
    layouts: tuple[tuple[Release, str], ...]
    """(first release, text after ``name: ``), oldest first."""
    older_name: str = ""
    renamed: Release = ()
    """First release with the modern name."""


_HEX_PFN: Release = (5, 16)
_PAGE_DECIMAL = "page={page:016x} pfn={pfn}"
_PAGE_HEX = "page={page:016x} pfn={pfn:#x}"
_ALLOC = " order={order} migratetype={migratetype} gfp_flags={gfp_flags}"
_ORDER = " order={order}"
_LOCKED = " order={order} migratetype={migratetype} percpu_refill={percpu_refill}"
_DRAIN = " order={order} migratetype={migratetype}"
_EXTFRAG = (
    " alloc_order={alloc_order} fallback_order={fallback_order} pageblock_order={pageblock_order}"
    " alloc_migratetype={alloc_migratetype} fallback_migratetype={fallback_migratetype}"
    " fragmenting={fragmenting} change_ownership={change_ownership}"
)
_SITE = "call_site={call_site} ptr={ptr:016x}"
_SIZES = " bytes_req={bytes_req} bytes_alloc={bytes_alloc} gfp_flags={gfp_flags}"
_NODE = " node={node} accounted={accounted}"
_COMPACT_ZONE = (
    "zone_start={zone_start:#x} migrate_pfn={migrate_pfn:#x} free_pfn={free_pfn:#x}"
    " zone_end={zone_end:#x}, mode={mode}"
)


def _page_event(
    name: str, fields: str, *, older_name: str = "", renamed: Release = ()
) -> Tracepoint:
    """An event that starts with page and pfn, decimal until 5.16 [M]."""
    layouts = (((2, 6, 32), _PAGE_DECIMAL + fields), (_HEX_PFN, _PAGE_HEX + fields))
    return Tracepoint(name, (2, 6, 32), layouts, older_name, renamed)


_EVENTS = (
    _page_event("mm_page_alloc", _ALLOC),
    _page_event("mm_page_free", _ORDER, older_name="mm_page_free_direct", renamed=(3, 3)),
    Tracepoint(
        "mm_page_free_batched",
        (2, 6, 32),
        (
            ((2, 6, 32), _PAGE_DECIMAL + " order=0 cold={cold}"),
            ((4, 15), _PAGE_DECIMAL + " order=0"),
            (_HEX_PFN, _PAGE_HEX + " order=0"),
        ),
        older_name="mm_pagevec_free",
        renamed=(3, 3),
    ),
    _page_event("mm_page_alloc_zone_locked", _LOCKED),
    _page_event("mm_page_pcpu_drain", _DRAIN),
    _page_event("mm_page_alloc_extfrag", _EXTFRAG),
    Tracepoint(
        "kmalloc", (2, 6, 31), (((2, 6, 31), _SITE + _SIZES), ((6, 1), _SITE + _SIZES + _NODE))
    ),
    Tracepoint(
        "kmem_cache_alloc",
        (2, 6, 31),
        (
            ((2, 6, 31), _SITE + _SIZES),
            ((6, 1), _SITE + _SIZES + _NODE),
            ((6, 3), _SITE + " name={name}" + _SIZES + _NODE),
        ),
    ),
    Tracepoint("kfree", (2, 6, 31), (((2, 6, 31), _SITE),)),
    Tracepoint(
        "kmem_cache_free",
        (2, 6, 31),
        (((2, 6, 31), _SITE), ((5, 12), _SITE + " name={name}")),
    ),
    Tracepoint(
        "mm_vmscan_wakeup_kswapd",
        (2, 6, 35),
        (
            ((2, 6, 35), "nid={nid} zid={zid} order={order}"),
            ((4, 18), "nid={nid} order={order} gfp_flags={gfp_flags}"),
        ),
    ),
    Tracepoint("mm_vmscan_kswapd_wake", (2, 6, 35), (((2, 6, 35), "nid={nid} order={order}"),)),
    Tracepoint("mm_vmscan_kswapd_sleep", (2, 6, 35), (((2, 6, 35), "nid={nid}"),)),
    Tracepoint(
        "mm_vmscan_direct_reclaim_begin",
        (2, 6, 35),
        (
            ((2, 6, 35), "order={order} may_writepage={may_writepage} gfp_flags={gfp_flags}"),
            (
                (4, 7),
                "order={order} may_writepage={may_writepage} gfp_flags={gfp_flags}"
                " classzone_idx={classzone_idx}",
            ),
            ((5, 0), "order={order} gfp_flags={gfp_flags}"),
        ),
    ),
    Tracepoint(
        "mm_vmscan_direct_reclaim_end", (2, 6, 35), (((2, 6, 35), "nr_reclaimed={nr_reclaimed}"),)
    ),
    Tracepoint("mm_compaction_begin", (3, 14), (((3, 14), _COMPACT_ZONE),)),
    Tracepoint("mm_compaction_end", (3, 14), (((3, 14), _COMPACT_ZONE + " status={status}"),)),
    Tracepoint(
        "mm_compaction_migratepages",
        (2, 6, 38),
        (((2, 6, 38), "nr_migrated={nr_migrated} nr_failed={nr_failed}"),),
    ),
)

TRACEPOINTS: dict[str, Tracepoint] = {event.name: event for event in _EVENTS}
"""By modern name."""

_MODERN = {event.older_name: event.name for event in _EVENTS if event.older_name}


def modern_name(name: str) -> str:
    """The name that today's kernels give an event; names never changed come back as they are."""
    return _MODERN.get(name, name)


def is_available(name: str, release: str) -> bool:
    """Does a kernel have this event?  2.6.25 has none of them.  Raises ConfigError."""
    return parse_release(release) >= _event(name).since


def printed_name(name: str, release: str) -> str:
    """What a kernel calls the event.  Raises ConfigError for one that it lacks."""
    event = _available(name, release)
    return event.older_name if parse_release(release) < event.renamed else event.name


def layout_of(name: str, release: str) -> str:
    """Format string of an event's text in a kernel.  Raises ConfigError for one that it lacks."""
    return row_of_release(release, _available(name, release).layouts)


def _event(name: str) -> Tracepoint:
    event = TRACEPOINTS.get(modern_name(name))
    if event is None:
        raise ConfigError(f"tracepoint {name!r}", expected="one of " + ", ".join(TRACEPOINTS))
    return event


def _available(name: str, release: str) -> Tracepoint:
    event = _event(name)
    if parse_release(release) < event.since:
        since = ".".join(str(number) for number in event.since)
        raise ConfigError(f"{event.name} in {release}", expected=f"a kernel since {since}")
    return event
