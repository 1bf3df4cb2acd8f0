"""Which line belongs to which report: one open report per printing CPU, kept apart where possible.

Reports of two CPUs run into each other.  Lines that name their thread go to that thread's report,
``Comm:`` lines switch to the report of that task, a second dump goes to the report still without
one.  Where none of this helps both reports are marked entangled.
"""

from __future__ import annotations

import re

from buddysim.source.kernel_log_header import read_header
from buddysim.source.kernel_log_meminfo import is_memory_line, read_memory_line
from buddysim.source.kernel_log_model import FailureReport, Suppressed
from buddysim.source.kernel_log_prefix import LogLine

__all__ = ["ReportAssembler"]

_FRAME = re.compile(
    r"(?P<guess>\? )?\(?(?P<symbol>[A-Za-z_$][\w.$]*)\+0x[0-9a-fA-F]+/0x[0-9a-fA-F]+"
)
_NOT_FRAMES = ("RIP", "EIP", "NIP", "LR", "Code", "PC ", "pc :", "lr :", "IP:")
_TASK = re.compile(
    r"(?:PID|Pid): (?P<pid>\d+),? [Cc]omm: (?P<comm>\S.*?) (?=[Nn]ot |Tainted|Kdump)"
)
_VERSION = re.compile(r"(?:^|\s)([2-9]\.\d{1,3}(?:\.\d+)?[-+.\w]*)(?=\s|$|\))")
_LINUX = re.compile(r"Linux version (\S+)")
_SUPPRESSED = re.compile(r"(\w+): (\d+) callbacks suppressed")
_OLD_SUPPRESSED = re.compile(r"(printk): (\d+) messages suppressed")
_CACHE = re.compile(r"cache: (?P<name>\S+), object size: (?P<size>\d+)")
_MIN_ORDER = re.compile(r"min order: (\d+)")
_REPEATED = re.compile(r"last message repeated (\d+) times?")
_INTERRUPT = re.compile(r"<(?:IRQ|SOFTIRQ|NMI)>|\b(?:__do_softirq|do_softirq|handle_softirqs)\b")
_SIDE_KINDS = frozenset({"slub", "slab"})
_MAX_OPEN = 8
_MAX_FRAMES = 200
_PATIENCE = 200
_SHORT_PATIENCE = 40
"""Lines without news after which a report whose dump is complete is closed."""
_NEAR = 4


class ReportAssembler:
    """Feed it lines; it hands out finished reports."""

    def __init__(self) -> None:
        self.kernel: str | None = None
        self.suppressed: list[Suppressed] = []
        self._open: list[FailureReport] = []
        self._tags: dict[str, FailureReport] = {}
        self._side: FailureReport | None = None
        self._finished: list[FailureReport] = []
        self._waiting: list[FailureReport] = []
        self._early: list[LogLine] = []
        self._seen_header = False
        self._injected: int = 0
        self._pending_suppressed = 0
        self._sysrq = 0
        self._last_used = 0
        self._wants_version: FailureReport | None = None

    @property
    def is_idle(self) -> bool:
        """No report is open, so lines without trigger words cannot matter."""
        return not self._open and self._side is None

    def feed(self, line: LogLine) -> None:
        """Take the next logical line."""
        if not line.text:
            return
        if self._open and line.number - self._last_used > _SHORT_PATIENCE:
            self._close_quiet(line.number - self._last_used)
        if self._notes(line):
            return
        header = read_header(line)
        if header is not None:
            self._begin(header, line)
        elif not self._side_line(line):
            self._body(line)

    def finish(self) -> None:
        """The log is over."""
        self._close_all()

    def take(self) -> list[FailureReport]:
        """Reports finished since the last call, by header line."""
        if not self._finished and not (self._waiting and self.is_idle):
            return []
        if self._open or self._side:
            first = min(
                report.line for report in [*self._open, *([self._side] if self._side else [])]
            )
        else:
            first = 1 << 62
        self._waiting += self._finished
        self._finished = []
        ready = sorted((r for r in self._waiting if r.line < first), key=lambda r: r.line)
        self._waiting = [r for r in self._waiting if r.line >= first]
        return ready

    def _notes(self, line: LogLine) -> bool:
        """Lines beside the reports: rate limit, version, injection, repetition, SysRq."""
        text = line.text
        if "suppressed" in text:
            match = _SUPPRESSED.search(text) or _OLD_SUPPRESSED.search(text)
            if match is not None:
                self.suppressed.append(Suppressed(match[1], int(match[2]), line.number))
                if match[1] in {"warn_alloc", "warn_alloc_failed", "__ratelimit", "printk"}:
                    self._pending_suppressed += int(match[2])
                return True
        if "Linux version" in text:
            match = _LINUX.search(text)
            if match is not None:
                self.kernel = match[1]
                self._close_all()
                return True
        if "FAULT_INJECTION: forcing a failure" in text:
            self._injected = line.number
            return True
        if "SysRq" in text:
            self._sysrq = line.number
            return True
        return self._repeats(text)

    def _repeats(self, text: str) -> bool:
        match = _REPEATED.search(text) if "last message" in text else None
        if match is not None and self._open:
            self._open[-1].repeats += int(match[1])
        return match is not None

    def _begin(self, report: FailureReport, line: LogLine) -> None:
        if not self._seen_header:
            self._headless(line.number)
        self._seen_header = True
        self._last_used = line.number
        self._close_side()
        report.kernel = self.kernel
        if report.kind in _SIDE_KINDS:
            self._side = report
            return
        self._adopt_notes(report, line.number)
        for other in list(self._open):
            if other.has_mem_info or not other.frames or len(self._open) >= _MAX_OPEN:
                if other.has_mem_info or len(self._open) >= _MAX_OPEN:
                    self._close(other)
            else:
                other.entangled = report.entangled = not line.tag
        self._open.append(report)
        if line.tag:
            self._tags[line.tag] = report

    def _adopt_notes(self, report: FailureReport, number: int) -> None:
        report.suppressed, self._pending_suppressed = self._pending_suppressed, 0
        if self._injected and number - self._injected < 120:
            report.injected_line = self._injected
        self._injected = 0

    def _headless(self, number: int) -> None:
        """Data before the first header is a report whose header was cut off."""
        early, self._early = self._early, []
        start = next((n for n, item in enumerate(early) if is_memory_line(item.text)), None)
        if start is None or self._open:
            return
        first = next(item.number for item in early if self._is_data(item.text))
        report = FailureReport("headless", first, first, kernel=self.kernel, has_mem_info=True)
        self._open.append(report)
        for item in early:
            self._use(report, item)
        self._close(report)

    @staticmethod
    def _is_data(text: str) -> bool:
        return is_memory_line(text) or _FRAME.search(text) is not None

    def _side_line(self, line: LogLine) -> bool:
        """The lines under a SLUB warning."""
        side = self._side
        if side is None:
            return False
        cache = _CACHE.search(line.text)
        if cache is not None and not side.detail:
            side.detail, side.size = cache["name"], int(cache["size"])
            order = _MIN_ORDER.search(line.text) or re.search(r", order: (\d+)", line.text)
            side.min_order = int(order[1]) if order else None
        elif not (side.detail and re.search(r"node -?\d+: slabs: ", line.text)):
            if line.number - side.last_line > 12:
                self._close_side()
            return False
        side.last_line = self._last_used = line.number
        return True

    def _body(self, line: LogLine) -> None:
        report = self._report_of(line)
        if report is not None:
            if self._use(report, line):
                report.last_line = self._last_used = line.number
        elif not self._seen_header and len(self._early) < _PATIENCE:
            self._early.append(line)
            if "Mem-" in line.text:
                self._orphan_dump(line)
        elif "Mem-info" in line.text or "Mem-Info" in line.text:
            self._orphan_dump(line)

    def _orphan_dump(self, line: LogLine) -> None:
        """A dump without a failure: SysRq-M, or the tail of a report whose header was cut."""
        frames = [item for item in self._early if _FRAME.search(item.text)]
        if frames and not self._sysrq:
            first = frames[0].number
            report = FailureReport("headless", first, line.number, line.time, self.kernel)
            for item in frames:
                self._use(report, item)
        else:
            is_near = self._sysrq and line.number - self._sysrq <= _NEAR
            near = self._sysrq if is_near else line.number
            report = FailureReport("meminfo_only", near, line.number, line.time, self.kernel)
        self._early = []
        self._seen_header = True
        self._last_used = line.number
        report.has_mem_info = True
        self._open.append(report)

    def _report_of(self, line: LogLine) -> FailureReport | None:
        if not self._open:
            return None
        tagged = self._tags.get(line.tag) if line.tag else None
        if tagged is not None and tagged in self._open:
            return tagged
        task = _TASK.search(line.text) if "omm:" in line.text else None
        if task is not None:
            for report in reversed(self._open):
                if report.comm == task["comm"] and report.pid is None:
                    self._open.remove(report)
                    self._open.append(report)
                    break
        elif "Mem-" in line.text and self._open[-1].has_mem_info:
            bare = [report for report in self._open if not report.has_mem_info]
            if not bare:
                return self._next_dump(line)
            self._open.remove(bare[-1])
            self._open.append(bare[-1])
        return self._open[-1]

    def _next_dump(self, line: LogLine) -> FailureReport | None:
        self._close_all()
        self._orphan_dump(line)
        return self._open[-1]

    def _use(self, report: FailureReport, line: LogLine) -> bool:
        """Read one line into a report; False when it says nothing about it."""
        text = line.text
        if self._wants_version is report and report.kernel is None:
            version = _VERSION.search(text)
            report.kernel = version[1] if version else None
        self._wants_version = None
        if "Mem-Info:" in text or "Mem-info:" in text:
            report.has_mem_info = True
            return True
        if "omm: " in text and self._use_task(report, text):
            return True
        if read_memory_line(report, text, line.number):
            if is_memory_line(text):
                report.has_mem_info = True
            return True
        return self._use_frames(report, line)

    def _use_task(self, report: FailureReport, text: str) -> bool:
        task = _TASK.search(text) or re.search(r"PID: (?P<pid>\d+) Comm: (?P<comm>\S+)", text)
        if task is None:
            return False
        if report.pid is None and (
            report.comm in {None, task["comm"]} or report.kind != "headless"
        ):
            report.pid = int(task["pid"])
            version = _VERSION.search(text, task.end())
            if version is not None:
                report.kernel = version[1]
                self.kernel = self.kernel or version[1]
            else:
                report.kernel = None
                self._wants_version = report
        return True

    def _use_frames(self, report: FailureReport, line: LogLine) -> bool:
        text = line.text
        if report.has_mem_info or text.startswith(_NOT_FRAMES):
            return False
        if not report.in_interrupt and _INTERRUPT.search(text):
            report.in_interrupt, report.interrupt_line = True, line.number
        used = "Call Trace" in text or "Call trace" in text or "Backtrace" in text
        for match in _FRAME.finditer(text):
            frame = ("? " if match["guess"] else "") + match["symbol"]
            used = True
            report.first_frame_line = report.first_frame_line or line.number
            if len(report.frames) < _MAX_FRAMES and report.frames[-1:] != [frame]:
                report.frames.append(frame)
        return used

    def _close_quiet(self, lines: int) -> None:
        """Close what has been silent for ``lines``: at once where the dump is complete."""
        if lines > _PATIENCE or all(not _is_cut(report) for report in self._open):
            self._close_all()

    def _close_side(self) -> None:
        if self._side is not None:
            side, self._side = self._side, None
            self._finished.append(side)

    def _close_all(self) -> None:
        if not self._seen_header and self._early:
            self._headless(self._early[-1].number)
        self._close_side()
        for report in list(self._open):
            self._close(report)
        self._tags.clear()

    def _close(self, report: FailureReport) -> None:
        self._open.remove(report)
        report.is_truncated = _is_cut(report)
        report.kernel = report.kernel or self.kernel
        self._finished.append(report)


def _is_cut(report: FailureReport) -> bool:
    """Does the report lack what its kind always prints?"""
    if report.kind in {"alloc_2_4", "slub", "slab"}:
        return False
    if report.kind == "headless" or not report.has_mem_info or not report.zones:
        return True
    return any(zone.blocks is None or zone.blocks_cut for zone in report.zones)
