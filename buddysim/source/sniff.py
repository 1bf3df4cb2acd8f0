"""What kind of file is this, from which kernel, and how do we know?

Only the first block is looked at.  Everything found here can be overridden with ``--profile``.
"""

from __future__ import annotations

from typing import NamedTuple

from buddysim.errors import TraceError

__all__ = ["PROFILE_COMMENT", "Layout", "sniff"]

PROFILE_COMMENT = "# buddysim: profile="
"""Begins the comment by which our own text output names the era."""
_LINES_LOOKED_AT = 3000
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


def sniff(head: bytes, path: str) -> Layout:
    """Recognise a file by its first block.  Raises TraceError saying what was found instead."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return Layout(name, reason=f"begins with the magic of a {name} file")
    _refuse_known_strangers(head, path)
    lines = head.split(b"\n")[:_LINES_LOOKED_AT]
    if any(line.lstrip().startswith(b"@") for line in lines[:50]):
        return Layout("script", reason="has @directives of the script format")
    # perf.data and packed traces need none of it.
    from buddysim.source.sniff_text import sniff_text

    return sniff_text(lines, path)


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
