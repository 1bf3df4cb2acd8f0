"""First lines of reports: who asked, for what, in every wording since 2.4 (fact sheet 10.1)."""

from __future__ import annotations

import re
from collections.abc import Callable

from buddysim.source.kernel_log_model import FailureReport
from buddysim.source.kernel_log_prefix import LogLine

__all__ = ["read_header"]

_MASK = r"(?P<mode>0x[0-9a-fA-F]+)(?:\((?P<gfp>[A-Za-z_0-9|]*)\)?)?"
_PAGES = re.compile(
    r"(?:(?P<comm>\S.*?): )?page allocation failure[.:] order:\s?(?P<order>\d+)"
    rf"(?:,\s*mode:\s?{_MASK})?"
)
_STALL = re.compile(
    r"(?:(?P<comm>\S.*?): )?page allocation stalls for (?P<size>\d+)ms,? order:\s?(?P<order>\d+)"
    rf"(?:,\s*mode:\s?{_MASK})?"
)
_OLD = re.compile(
    r"__alloc_pages: (?P<order>\d+)-order allocation failed"
    r"(?:\.?\s*\((?:gfp=)?(?P<mode>0x[0-9a-fA-F]+)(?:/\d+)?\)?)?"
)
_VMALLOC = re.compile(
    r"(?P<comm>\S.*?): vmalloc(?: error)?: "
    r"(?:size (?P<size>\d+), (?:page order (?P<order>\d+), )?(?P<detail>[^:]*?)"
    r"|(?P<detail2>allocation failure)(?:: (?P<size2>\d+) bytes|, allocated \d+ of \d+ bytes))"
    rf"(?:,\s*mode:\s?{_MASK}|$)"
)
_SLAB = re.compile(
    r"SL(?P<kind>[UA])B: Unable to allocate memory on (?:CPU \d+ \(of node \d+\) on )?"
    rf"node -?\d+,?\s*\(?gfp=(?:{_MASK})?"
)
_OOM = re.compile(
    rf"(?:(?P<comm>\S.*?) invoked )?oom-killer: gfp_mask={_MASK}"
    r"(?:,\s*nodemask=[^=]*?)?(?:,\s*order=(?P<order>-?\d+))?"
)


def read_header(line: LogLine) -> FailureReport | None:
    """A new report if this line starts one."""
    for marker, kind, pattern in _KINDS:
        if marker in line.text:
            match = pattern.search(line.text)
            if match is not None:
                return _report(kind(match), match, line)
    return None


def _always(kind: str) -> Callable[[re.Match[str]], str]:
    return lambda match: kind


def _slab_kind(match: re.Match[str]) -> str:
    return "slub" if match["kind"] == "U" else "slab"


_KINDS: tuple[tuple[str, Callable[[re.Match[str]], str], re.Pattern[str]], ...] = (
    ("page allocation failure", _always("page_alloc"), _PAGES),
    ("invoked oom-killer", _always("oom"), _OOM),
    ("oom-killer: gfp_mask", _always("oom"), _OOM),
    ("Unable to allocate memory on", _slab_kind, _SLAB),
    ("vmalloc", _always("vmalloc"), _VMALLOC),
    ("-order allocation failed", _always("alloc_2_4"), _OLD),
    ("page allocation stalls", _always("stall"), _STALL),
)


def _report(kind: str, match: re.Match[str], line: LogLine) -> FailureReport:
    groups = match.groupdict()
    names = groups.get("gfp")
    size = groups.get("size") or groups.get("size2")
    order = groups.get("order")
    return FailureReport(
        kind=kind,
        line=line.number,
        last_line=line.number,
        time=line.time,
        comm=groups.get("comm"),
        order=int(order) if order is not None and int(order) >= 0 else None,
        mode=groups.get("mode"),
        gfp=names.split("|") if names else None,
        detail=groups.get("detail") or groups.get("detail2") or "",
        size=int(size) if size else None,
    )
