"""What a failure report is written from: plain numbers, no machine.  Sizes in 4 KiB pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["NodeInput", "PagesetInput", "ReportInput", "ReportOptions", "ZoneInput"]

_NO_COUNTERS: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class PagesetInput:
    """One cpu's page list of a zone (printed before 4.4)."""

    high: int
    batch: int
    count: int


@dataclass(frozen=True, slots=True)
class ZoneInput:
    """One zone.  ``counters``: values by the label that the report prints, e.g. ``free``, ``min``
    (with boost), ``free_pcp``; a label without a value prints as 0."""

    name: str
    node: int
    zone_index: int
    counters: Mapping[str, int]
    lowmem_reserve: Sequence[int]
    """By highest zone of a request, as long as the kernel has zones."""
    free_blocks: Sequence[Mapping[int, int]]
    """By order: free blocks of each canonical migratetype."""
    pagesets: Sequence[PagesetInput] = ()
    all_unreclaimable: bool = False


@dataclass(frozen=True, slots=True)
class NodeInput:
    """One node's counters by printed label; sizes in pages but ``kernel_stack``, in KiB."""

    node: int
    counters: Mapping[str, int] = field(default_factory=dict)
    all_unreclaimable: bool = False


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How the reporting kernel was built and called."""

    numa: bool = True
    """Zones are printed with their node."""
    thp: bool = True
    cma: bool = True
    hugepages: bool = False
    cpusets: bool = False
    release: str = ""
    """Text after the taint; the profile's name when empty."""
    taint: str = "Not tainted"


@dataclass(frozen=True)
class ReportInput:
    """One failure and the memory around it.

    ``gfp``: canonical mask.  ``frames``: stack, innermost first, as printed; empty = unknown.
    ``totals``: values by the names of the layout's tail, missing ones print as 0.
    """

    order: int
    gfp: int
    comm: str
    pid: int = 0
    uid: int = 0
    cpu: int = 0
    context: int = 0
    highest_zone: int = 4
    """Index of the highest zone the request may use."""
    frames: Sequence[str] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    nodes: Sequence[NodeInput] = ()
    zones: Sequence[ZoneInput] = ()
    totals: Mapping[str, int] = field(default_factory=dict)
    options: ReportOptions = field(default_factory=ReportOptions)
