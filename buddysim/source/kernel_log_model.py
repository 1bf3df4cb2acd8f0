"""What a kernel log says about one failed allocation: plain data, nothing concluded."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["FailureReport", "LogReports", "Suppressed", "ZoneReport"]


@dataclass
class ZoneReport:
    """One zone of a memory dump.  KiB as printed; None where the log does not print it."""

    name: str
    node: int | None = None
    line: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    """``free``, ``boost``, ``min``, ``low``, ``high``, ``managed``, ``present``, ``free_cma``,
    ``reserved_highatomic``, ... in KiB."""
    lowmem_reserve: list[int] | None = None
    """Pages, one per zone class."""
    blocks: list[int] | None = None
    """Free blocks per order."""
    letters: list[str | None] = field(default_factory=list)
    """Migratetype letters per order, None where none are printed."""
    blocks_line: int = 0
    blocks_total_kb: int | None = None
    blocks_cut: bool = False
    all_unreclaimable: bool | None = None


@dataclass
class FailureReport:
    """One report.  ``line`` (from 1) is its header's; ``lines`` ends at the last line used."""

    kind: str
    line: int
    last_line: int
    time: str | None = None
    kernel: str | None = None
    comm: str | None = None
    pid: int | None = None
    order: int | None = None
    mode: str | None = None
    gfp: list[str] | None = None
    detail: str = ""
    """vmalloc's reason, the slab cache's name."""
    size: int | None = None
    """Bytes asked of vmalloc, or of an object of the slab cache."""
    min_order: int | None = None
    """The smallest order a slab cache can do with."""
    frames: list[str] = field(default_factory=list)
    """Stack, innermost first; a leading ``?`` marks frames the unwinder guessed."""
    first_frame_line: int = 0
    in_interrupt: bool = False
    interrupt_line: int = 0
    has_mem_info: bool = False
    page_kb: int | None = None
    zones: list[ZoneReport] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    """Machine-wide counters in pages: ``active_file``, ``free_cma``, ``slab_unreclaimable``..."""
    counters_line: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    """``pages_ram``, ``free_swap_kb``, ``total_swap_kb``."""
    injected_line: int = 0
    """Line of the FAULT_INJECTION notice this failure follows, 0 without."""
    suppressed: int = 0
    """Messages the rate limiter had dropped just before this one."""
    entangled: bool = False
    """Another report's lines run through this one."""
    is_truncated: bool = False
    repeats: int = 0
    """Copies that syslog folded ("last message repeated N times")."""

    @property
    def page_size_kb(self) -> int:
        """Page size in KiB; 4 where no block list tells."""
        return self.page_kb or 4


@dataclass(frozen=True)
class Suppressed:
    """The kernel's note that its rate limit dropped messages."""

    function: str
    count: int
    line: int


@dataclass
class LogReports:
    """Everything found in one log."""

    reports: list[FailureReport]
    suppressed: list[Suppressed]
    lines: int
