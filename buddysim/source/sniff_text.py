"""Which tool and which kernel wrote a text, by the looks of its first lines."""

from __future__ import annotations

import re

from buddysim.errors import TraceError
from buddysim.kernel.context import Context
from buddysim.kernel.profile import DEFAULT_PROFILE
from buddysim.source.heads import parse_head
from buddysim.source.sniff import PROFILE_COMMENT, Layout

__all__ = ["sniff_text"]

_TIME = re.compile(rb" \d+(?:\.\d+)?: +")
_PFN = re.compile(rb"\bpfn=(0x)?[0-9a-f]")
_MOVABLE_TYPE = re.compile(
    rb"migratetype=([12]) gfp_flags=(?:GFP_HIGHUSER_MOVABLE|\S*\bGFP_MOVABLE\b|\S*__GFP_MOVABLE)"
)


def sniff_text(lines: list[bytes], path: str) -> Layout:
    """Tell formats and eras of text apart.  Raises TraceError saying what was found instead."""
    perf = arrow = flagged = 0
    texts = []
    known: dict[bytes, tuple[bool, bool, bool]] = {}
    for line in lines:
        for time in _TIME.finditer(line):
            before = line[: time.start() + 1]
            if before not in known:
                known[before] = _kind_of_head(before)
            is_arrow, is_flagged, is_perf = known[before]
            if not is_arrow and not is_perf:
                continue
            arrow += is_arrow
            flagged += is_flagged
            perf += is_perf
            texts.append(line[time.end() :])
            break
    if not perf and not arrow:
        raise _nothing_found(lines, path)
    profile, why = _era(texts, lines)
    if perf > arrow:
        return Layout("perf-script", profile, f"comm pid [cpu] time: event lines; {why}")
    flags = "flags column" if flagged else "no flags column"
    if any(line.startswith((b"cpus=", b"version =")) for line in lines[:5]):
        return Layout("trace-cmd", profile, f"cpus= header of trace-cmd report; {flags}; {why}")
    return Layout("ftrace", profile, f"comm-pid [cpu] time: event lines, {flags}; {why}")


def _kind_of_head(text: bytes) -> tuple[bool, bool, bool]:
    """Is it what ftrace prints before a time, has it a flags column, or is it perf's?"""
    head = parse_head(text, perf=False)
    if head is None:
        return False, False, parse_head(text, perf=True) is not None
    return True, not head.context & Context.UNKNOWN, False


def _nothing_found(lines: list[bytes], path: str) -> TraceError:
    if any(b"\0" in line for line in lines):
        return TraceError(
            f"binary data of no known kind, begins with {lines[0][:8].hex(' ')}",
            path=path,
            expected="ftrace, perf script or trace-cmd report text, perf.data, .bst or a script",
        )
    told = [line for line in lines if line.strip() and not line.startswith(b"#")]
    found = repr(told[0][:60].decode("utf-8", "replace")) if told else "only comments"
    return TraceError(
        f"no trace event in the first {len(lines)} lines; found {found}",
        path=path,
        expected="ftrace, perf script or trace-cmd report text, perf.data, .bst or a script",
    )


def _era(texts: list[bytes], lines: list[bytes]) -> tuple[str, str]:
    """Newest profile that prints events like these, and why."""
    told = [line for line in lines[:20] if line.startswith(PROFILE_COMMENT.encode())]
    if told:
        return told[0][len(PROFILE_COMMENT) :].decode(
            "ascii", "replace"
        ).strip(), "era in a comment"
    text = b"\n".join(texts)
    pfn = _PFN.search(text)
    if pfn is None:
        five = any(b"migrate-disable" in line for line in lines[:12])
        return (DEFAULT_PROFILE, "5 flags") if five else ("", "no page events in the first block")
    if pfn[1]:
        if b"__GFP_ATOMIC" in text:
            return "6.1", "hex pfn, __GFP_ATOMIC in masks: 5.16 to 6.2"
        if b"__GFP_ZERO|__GFP_COMP" in text:
            return "6.18", "hex pfn, gfp names in bit order: newer than 6.12"
        return DEFAULT_PROFILE, "hex pfn: 5.16 or newer"
    return _decimal_era(text)


def _decimal_era(text: bytes) -> tuple[str, str]:
    if b"mm_page_free_direct" in text or b"mm_pagevec_free" in text:
        return "2.6.32", "decimal pfn, mm_page_free_direct or mm_pagevec_free: before 3.3"
    movable = _MOVABLE_TYPE.search(text)
    if movable is not None and movable[1] == b"2":
        return "3.13", "decimal pfn, movable pages have migratetype 2: before 4.4"
    if b"__GFP_" in text:
        return "4.19", "decimal pfn, gfp names with underscores: 4.6 to 5.15"
    if b"GFP_KSWAPD_RECLAIM" in text or b"GFP_DIRECT_RECLAIM" in text or movable is not None:
        return (
            "4.4",
            "decimal pfn, old gfp names, movable pages have migratetype 1: 4.4, 4.5",
        )
    return "4.19", "decimal pfn, nothing older to see: taken for 4.6 to 5.15"
