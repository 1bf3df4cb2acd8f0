"""Call chains as text: one frame a line, innermost first (fact sheet 13.5, 13.7, 13.8)."""

from __future__ import annotations

import re

__all__ = ["parse_frames", "symbol_of"]

_PERF = re.compile(r"\t *[0-9a-f]+ (.+?)(?: \([^()]*\))?")
_ARROW = re.compile(r"[ \t]?=> *(\S+).*")
_NOTHING = "0x0"
"""What trace-cmd prints for the end of a chain when it lacks its plugins."""
_OFFSET = re.compile(r"\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?$")
_CLONE = re.compile(r"\.(?:constprop|isra|part|cold|llvm)(?:\.\d+)*")


def parse_frames(text: str) -> tuple[str, ...]:
    """``symbol`` or ``symbol+0xoff`` of each frame line; other lines are left out."""
    frames = []
    for line in text.split("\n"):
        match = _PERF.fullmatch(line) or _ARROW.fullmatch(line)
        if match is not None and match[1] != _NOTHING:
            frames.append(match[1].partition("/")[0] if "+0x" in match[1] else match[1])
    return tuple(frames)


def symbol_of(frame: str) -> str:
    """The function's name as written in C: no offset, no suffix of a compiler's clone."""
    return _CLONE.sub("", _OFFSET.sub("", frame))
