"""What kind of file is this, from which kernel, and how do we know?

Only the first block is looked at.  Everything found here can be overridden with ``--profile``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from buddysim.errors import ConfigError, TraceError
from buddysim.kernel.context import Context
from buddysim.kernel.profile import profile_of
from buddysim.source.heads import parse_head

__all__ = ["DEFAULT_PROFILE", "PROFILE_COMMENT", "Layout", "era_of_release", "sniff"]

DEFAULT_PROFILE = "6.12"
PROFILE_COMMENT = "# buddysim: profile="
"""Begins the comment by which our own text output names the era."""
_LINES_LOOKED_AT = 3000
_TIME = re.compile(rb" \d+(?:\.\d+)?: +")
_PFN = re.compile(rb"\bpfn=(0x)?[0-9a-f]")
_MOVABLE_TYPE = re.compile(
    rb"migratetype=([12]) gfp_flags=(?:GFP_HIGHUSER_MOVABLE|\S*\bGFP_MOVABLE\b|\S*__GFP_MOVABLE)"
)
_MAGIC = (
    (b"BSTRACE", "packed"),
    (b"PERFILE2", "perf-data"),
    (b"2ELIFREP", "perf-data"),
    (b"\x17\x08Dtracing", "trace-dat"),
)


class Layout(NamedTuple):
    """Format and kernel era of a file, with the reasons."""

    format: str
    """``ftrace``, ``trace-cmd``, ``perf-script``, ``script``, ``packed``, ``perf-data``,
    ``trace-dat``."""
    profile: str = ""
    reason: str = ""
    """One line for ``inspect``."""


def era_of_release(release: str) -> str:
    """Profile of a kernel release such as ``6.1.0-13-amd64``; empty when it is none."""
    try:
        return profile_of(release).name
    except ConfigError:
        return ""


def sniff(head: bytes, path: str) -> Layout:
    """Recognise a file by its first block.  Raises TraceError saying what was found instead."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return Layout(name, reason=f"begins with the magic of a {name} file")
    _refuse_known_strangers(head, path)
    lines = head.split(b"\n")[:_LINES_LOOKED_AT]
    if any(line.lstrip().startswith(b"@") for line in lines[:50]):
        return Layout("script", reason="has @directives of the script format")
    return _sniff_text(lines, path)


def _refuse_known_strangers(head: bytes, path: str) -> None:
    """Files of ours, and of the kernel's, that are no traces but have a verb of their own."""
    if head.startswith((b"# buddysim-oracle", b'{"op"')):
        raise TraceError(
            "is an oracle recording, not a trace", path=path, hint="use: buddysim verify DIR"
        )
    if b"latency trace v" in head[:400]:
        raise TraceError(
            "was written with ftrace's latency-format option, which loses the event text",
            path=path,
            hint="record again after: echo 0 > options/latency-format",
        )
    if b"page allocation failure" in head:
        raise TraceError(
            "is a kernel log, not a trace", path=path, hint="use: buddysim explain FILE"
        )


def _sniff_text(lines: list[bytes], path: str) -> Layout:
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
