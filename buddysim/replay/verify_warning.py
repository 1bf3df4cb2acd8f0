"""Compare warnings with a kernel's own log: which failures printed, which were kept back.

The outcome of every request is taken from the recording; what each failure then says, whether the
rate limits let it, and the text of the report are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from buddysim.fault.failslab import kmalloc_object_size
from buddysim.kernel.constants import MAX_PAGE_ORDER
from buddysim.kernel.gfp import decode_mask, encode_mask
from buddysim.kernel.gfp_table import Gfp
from buddysim.kernel.profile import Profile, profile_of
from buddysim.kernel.slab_order import kmalloc_cache_name, slab_order
from buddysim.replay.verify_case import CaseResult, Differences
from buddysim.replay.verify_dump import (
    KnownZone,
    compare_dump,
    is_dump_line,
    known_zones,
    managed_pages,
    options_of,
)
from buddysim.replay.verify_ops import Operation, Recording, read_recording, read_timed_log
from buddysim.warn.failure_report import first_line, vmalloc_line
from buddysim.warn.ratelimit import (
    SLUB_SUPPRESSED_TEXT,
    Window,
    jiffies_of,
    page_warning_limit,
    slub_warning_limit,
)
from buddysim.warn.report_input import ReportInput, ReportOptions
from buddysim.warn.slub_warning import SlubFailure, slub_warning

__all__ = ["check_warning"]

_PAGE_SIZE = 4096
_NS_PER_S = 1_000_000_000
_NS_PER_US = 1_000
_FAR_US = 1 << 60
_ANYONE = "*"
_TOO_BIG_TEXT = "WARNING at mm/page_alloc.c"
_SLAB_COUNTS = "  node: slabs, objs, free"
"""Stands for the lines, one per node, whose numbers no model has."""
_KMALLOC_KINDS = (
    (Gfp.DMA, "dma-kmalloc", Gfp.DMA),
    (Gfp.RECLAIMABLE, "kmalloc-rcl", Gfp.RECLAIMABLE),
    (Gfp.ACCOUNT, "kmalloc-cg", 0),
)
"""Caches that a flag of the request selects, and the flag their pages are asked with."""
_REQUESTS = frozenset({"a", "a_softirq", "kmalloc", "vmalloc"})
_LONG_AGO = -(1 << 40)
_NOTICE = re.compile(r"(\w+): (\d+) callbacks suppressed")
_HEADLINE = re.compile(r".*?: (page allocation failure: .*|vmalloc error: .*)")
_TOO_BIG = re.compile(r"WARNING: CPU: \d+ PID: \d+ at mm/page_alloc\.c")
_ON_CPU = re.compile(r" on CPU \d+ \(of node \d+\)")
_SOME_CPU = " on CPU * (of node *)"
_CLOCK_SLACK_US = 5_000
"""printk's clock and the recorded one differ by a constant and this much."""


@dataclass(frozen=True)
class _Message:
    """One message, predicted or logged, without what cannot be predicted: the task's name."""

    text: str
    line: int
    """Of the recording when predicted, of the log when logged."""
    since_us: int = -1
    until_us: int = -1
    """When predicted: when the operation began and ended; when logged: its time, twice."""
    zones: tuple[KnownZone, ...] = ()
    current: bool = False
    gfp: int = -1
    """The era's number of the failed request, for its memory dump; -1 when it has none."""
    dump: list[tuple[int, str]] = field(default_factory=list)


class _Kernel:
    """What lives on from script to script of one boot."""

    def __init__(self, profile: Profile, hz: int) -> None:
        limit = page_warning_limit(profile, hz)
        assert isinstance(limit, Window)
        self.page = limit
        self.slub = slub_warning_limit(hz)
        self.hz = hz
        self.too_big_told = False


def check_warning(path: Path) -> CaseResult:
    """Predict the log of one recording and compare it, text and times.  Raises TraceError.

    Scripts of one boot share the rate limits, so those that ran before are gone through first;
    where they are missing, the first "callbacks suppressed" is taken over from the log.
    """
    recording = read_recording(path)
    suffix = ".jsonl.gz" if recording.x86 else ".oracle.gz"
    log = read_timed_log(path.with_name(path.name.removesuffix(suffix) + ".dmesg.txt"))
    profile = profile_of(recording.profile)
    logged = list(_logged(log))
    texts = [text for _, _, text in log]
    kernel, complete = _boot(recording, profile)
    if not complete:
        _adopt(kernel, logged)
    options = options_of(texts)
    predicted = list(_predicted(recording, profile, kernel, options, managed_pages(texts)))
    differences = Differences()
    _compare(logged, predicted, profile, differences)
    _compare_times(logged, predicted, differences)
    return CaseResult(
        case=recording.name,
        set=recording.set,
        ops=sum(operation["op"] in _REQUESTS for _, operation in recording.operations),
        outcome_exact=differences.count == 0,
        first_divergence=differences.first,
        notes=_notes(predicted, complete=complete),
    )


def _notes(predicted: Sequence[_Message], *, complete: bool) -> tuple[str, ...]:
    dumps = [message for message in predicted if message.gfp >= 0]
    stale = sum(not message.current for message in dumps)
    notes = []
    if stale:
        notes.append(f"{stale} of {len(dumps)} reports: free counts taken over from the log")
    if not complete:
        notes.append("earlier scripts of the boot missing: first suppressed count taken over")
    return tuple(notes)


def _boot(recording: Recording, profile: Profile) -> tuple[_Kernel, bool]:
    """The kernel as earlier scripts of the boot left it, and whether all of them are there."""
    kernel = _Kernel(profile, int(recording.meta.get("HZ", 250)))
    sequence = recording.meta.get("boot_sequence", [recording.name])
    before = sequence[: sequence.index(recording.name)] if recording.name in sequence else []
    paths = [recording.path.with_name(f"{name}.jsonl.gz") for name in before]
    if not all(path.exists() for path in paths):
        return kernel, False
    for path in paths:
        earlier = read_recording(path)
        for _ in _predicted(earlier, profile, kernel, ReportOptions(), 0):
            pass
    return kernel, True


def _adopt(kernel: _Kernel, logged: Sequence[_Message]) -> None:
    """Take over what earlier scripts left suppressed: a notice before any message of its kind."""
    open_limits = {"warn_alloc": kernel.page, "slab_out_of_memory": kernel.slub}
    for message in logged:
        if notice := _NOTICE.fullmatch(message.text):
            if limit := open_limits.pop(notice[1], None):
                limit.begin = _LONG_AGO
                limit.missed = int(notice[2])
        else:
            slab = message.text.startswith("SLUB")
            open_limits.pop("slab_out_of_memory" if slab else "warn_alloc", None)


def _predicted(
    recording: Recording,
    profile: Profile,
    kernel: _Kernel,
    options: ReportOptions,
    total_pages: int,
) -> Iterator[_Message]:
    """The messages of a recording's failures, in order."""
    previous_ns = -1
    for (line, operation), (zones, current) in zip(
        recording.operations, _snapshots(recording), strict=True
    ):
        ended_ns = _time_ns(operation, kernel.hz)
        failed = operation.get("pfn", 0) == -1 or operation.get("ok") is False
        if operation["op"] in _REQUESTS and failed:
            moment = _Moment(line, previous_ns, ended_ns, zones, current)
            total = total_pages or sum(zone.managed for zone in zones)
            yield from _Failure(operation, moment, profile, kernel, options).messages(total)
        previous_ns = ended_ns


def _time_ns(operation: Operation, hz: int) -> int:
    """When an operation ended; -1 when that was not recorded."""
    if operation.get("jiffies") is not None:
        return int(operation["jiffies"]) * (_NS_PER_S // hz)
    return int(operation.get("t_ns", -1))


def _snapshots(recording: Recording) -> list[tuple[tuple[KnownZone, ...], bool]]:
    """For each operation the last snapshot before it, and whether it still holds: on one cpu,
    with nothing in between but failures that reclaimed nothing."""
    latest: list[tuple[tuple[KnownZone, ...], bool]] = []
    zones: tuple[KnownZone, ...] = ()
    current = False
    for _, operation in recording.operations:
        if operation["op"] in {"snap", "snapz"}:
            zones = known_zones(operation)
            current = all(len(zone.pcp) == 1 for zone in zones)
        elif operation["op"] not in _REQUESTS or not _leaves_lists_alone(operation, recording):
            current = False
        latest.append((zones, current))
    return latest


def _leaves_lists_alone(operation: Operation, recording: Recording) -> bool:
    failed = operation.get("pfn", 0) == -1 or operation.get("ok") is False
    return failed and not _mask(operation, recording.profile) & Gfp.DIRECT_RECLAIM


def _mask(operation: Operation, era: str) -> int:
    raw = operation["gfp"]
    return decode_mask(raw if isinstance(raw, int) else int(raw, 16), era)


@dataclass(frozen=True)
class _Moment:
    """Where and when an operation took place."""

    line: int
    since_ns: int
    until_ns: int
    zones: tuple[KnownZone, ...]
    current: bool


@dataclass(frozen=True)
class _Failure:
    """One failed request and the messages it leads to."""

    operation: Operation
    moment: _Moment
    profile: Profile
    kernel: _Kernel
    options: ReportOptions

    def messages(self, total_pages: int) -> Iterator[_Message]:
        """In the order in which the kernel would print them."""
        gfp = _mask(self.operation, self.profile.gfp_era)
        name = self.operation["op"]
        if name == "vmalloc":
            yield from self._vmalloc(gfp, total_pages)
        elif name == "kmalloc":
            yield from self._kmalloc(gfp)
        else:
            yield from self._page(self.operation["order"], gfp)

    def _jiffies(self) -> int:
        """The moment of the failure: a request that sleeps or runs from a timer fails at its end,
        any other at once (what takes time afterwards is printing)."""
        late = self.operation["op"] == "a_softirq" or (
            self.operation["op"] != "vmalloc"
            and _mask(self.operation, self.profile.gfp_era) & Gfp.DIRECT_RECLAIM
        )
        moment = self.moment
        ns = moment.until_ns if late or moment.since_ns < 0 else moment.since_ns
        return jiffies_of(ns, self.kernel.hz)

    def _message(self, text: str, gfp: int = -1) -> _Message:
        moment = self.moment
        return _Message(
            text,
            moment.line,
            moment.since_ns // _NS_PER_US if moment.since_ns >= 0 else -1,
            moment.until_ns // _NS_PER_US,
            moment.zones,
            moment.current,
            gfp,
        )

    def _page(self, order: int, gfp: int) -> Iterator[_Message]:
        if order > MAX_PAGE_ORDER:
            if not gfp & Gfp.NOWARN and not self.kernel.too_big_told:
                self.kernel.too_big_told = True
                yield self._message(_TOO_BIG_TEXT)
            return
        view = ReportInput(order, gfp, _ANYONE, options=self.options)
        yield from self._limited(gfp, first_line(view, self.profile))

    def _vmalloc(self, gfp: int, total_pages: int) -> Iterator[_Message]:
        pages = self.operation["pages"]
        reason = "too-large" if pages > total_pages else "pages"
        view = ReportInput(0, gfp, _ANYONE, options=self.options)
        lines = vmalloc_line(view, self.profile, reason, pages * _PAGE_SIZE)
        yield from self._limited(gfp, lines)

    def _limited(self, gfp: int, lines: Sequence[str]) -> Iterator[_Message]:
        if gfp & Gfp.NOWARN:
            return
        allowed, kept_back = self.kernel.page.ask(self._jiffies())
        if kept_back:
            yield self._message(self.profile.suppressed_text.format(n=kept_back))
        if allowed:
            raw = encode_mask(gfp, self.profile.gfp_era)
            text = lines[0].removeprefix(f"{_ANYONE}: ")
            yield self._message(text, raw)

    def _kmalloc(self, gfp: int) -> Iterator[_Message]:
        """A slab request asks for pages with __GFP_COMP; SLUB then adds a warning of its own."""
        nr_bytes = self.operation["size"]
        size = kmalloc_object_size(nr_bytes)
        if not size:
            pages = -(-nr_bytes // _PAGE_SIZE)
            yield from self._page((pages - 1).bit_length(), gfp | Gfp.COMP)
            return
        ncpus = max((len(zone.pcp) for zone in self.moment.zones), default=1)
        orders = slab_order(size, ncpus)
        prefix, extra = next(
            ((name, flag) for bit, name, flag in _KMALLOC_KINDS if gfp & bit), ("kmalloc", 0)
        )
        yield from self._page(orders.min_order, gfp | Gfp.COMP | extra)
        if gfp & Gfp.NOWARN:
            return
        allowed, kept_back = self.kernel.slub.ask(self._jiffies())
        if kept_back:
            yield self._message(SLUB_SUPPRESSED_TEXT.format(n=kept_back))
        if allowed:
            cache = kmalloc_cache_name(size, prefix)
            for text in slub_warning(SlubFailure(gfp, cache, size, orders), self.profile):
                yield self._message(_ON_CPU.sub(_SOME_CPU, text))
            yield self._message(_SLAB_COUNTS)


def _logged(log: Sequence[tuple[int, int, str]]) -> Iterator[_Message]:
    """The messages of a kernel log; memory dumps hang on theirs, stacks are left out."""
    report: _Message | None = None
    in_dump = in_counts = False
    for number, time_us, text in log:
        body = _message_text(text)
        if body is None:
            in_dump = in_dump or text == "Mem-Info:"
            if in_dump and report is not None and is_dump_line(text):
                report.dump.append((number, text))
            continue
        in_dump = False
        in_counts, was_in_counts = body == _SLAB_COUNTS, in_counts
        if in_counts and was_in_counts:
            continue
        message = _Message(body, number, time_us, time_us)
        if _HEADLINE.fullmatch(text):
            report = message
        yield message


def _message_text(text: str) -> str | None:
    """The comparable text of a message's line; None for any other line."""
    if headline := _HEADLINE.fullmatch(text):
        return headline[1]
    if _NOTICE.fullmatch(text) or text.startswith(("SLUB: Unable", "  cache: ")):
        return _ON_CPU.sub(_SOME_CPU, text)
    if text.startswith("  node ") and "slabs:" in text:
        return _SLAB_COUNTS
    return _TOO_BIG_TEXT if _TOO_BIG.match(text) else None


def _compare(
    logged: Sequence[_Message],
    predicted: Sequence[_Message],
    profile: Profile,
    differences: Differences,
) -> None:
    for seen, expected in zip(logged, predicted, strict=False):
        same = differences.compare(
            seen.line, "message", seen.text, expected.text, operation=expected.line
        )
        if same and expected.gfp >= 0:
            compare_dump(
                seen.dump,
                expected.gfp,
                expected.zones,
                profile,
                differences,
                current=expected.current,
            )
    differences.compare(0, "messages", len(logged), len(predicted))


def _compare_times(
    logged: Sequence[_Message], predicted: Sequence[_Message], differences: Differences
) -> None:
    """Each message came while its operation ran, with one constant between the two clocks."""
    earliest, latest = -_FAR_US, _FAR_US
    for seen, expected in zip(logged, predicted, strict=False):
        if seen.since_us < 0:
            continue
        if expected.since_us >= 0:
            earliest = max(earliest, expected.since_us - seen.since_us - _CLOCK_SLACK_US)
        latest = min(latest, expected.until_us - seen.since_us + _CLOCK_SLACK_US)
        if not differences.compare(
            seen.line, "time of the message", True, earliest <= latest, operation=expected.line
        ):
            return
