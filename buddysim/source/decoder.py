"""Decodes the repeated pieces of trace lines and keeps the tables their columns index."""

from __future__ import annotations

import re

from buddysim.source.caller_names import CallerNames
from buddysim.source.event import CallerBy, EventKind, Tables, TraceMeta
from buddysim.source.event_shape import EVENT_IGNORED, EVENT_NONE, EVENT_OTHER, EVENT_STACK
from buddysim.source.fields import FieldReader
from buddysim.source.frames import parse_frames
from buddysim.source.heads import parse_head
from buddysim.source.tracepoints import KIND_NAMES, TRACEPOINTS

__all__ = ["LineDecoder"]

_EVENT_NAME = re.compile(r"(?:.*\s)?(?:\w+:)?([A-Za-z_]\w*):\s*")
_LOST = re.compile(r"CPU:(\d{1,4}) \[(?:LOST )?(\d{1,18}) EVENTS(?: DROPPED)?\]")
_ENTRIES = re.compile(r"# entries-in-buffer/entries-written: *(\d{1,18})/(\d{1,18})")
_SITE = re.compile(r"call_site=(\S+)")
_KNOWN_LINE = re.compile(
    r"#.*|cpus=\d+|version = .*|CPU \d+ is empty|CPU:\d+ \[(?:LOST EVENTS|EVENTS DROPPED)\]"
)


class LineDecoder:
    """The :class:`scanner.Decoder` of all text formats."""

    def __init__(
        self, meta: TraceMeta, tables: Tables, *, era: str, perf: bool, caller_by: CallerBy
    ) -> None:
        self._meta = meta
        self._perf = perf
        self._fields = FieldReader(era)
        self._names = CallerNames(tables, caller_by)
        self.begin()

    def begin(self) -> None:
        """A text is read from its first line, perhaps once more; names keep their numbers."""
        self._lost_told = 0
        self._lost_summed = 0
        self._count_lost()

    def _count_lost(self) -> None:
        """The header and the notes between events speak of the same losses: take the larger."""
        self._meta.lost_events = max(self._lost_told, self._lost_summed)

    def head(self, text: bytes) -> tuple[int, int, int, int] | None:
        """See :class:`scanner.Decoder`."""
        head = parse_head(text, perf=self._perf)
        if head is None:
            return None
        task = self._names.task(head.comm, head.pid)
        return task, self._names.caller(head.comm), head.cpu, head.context

    def event(self, text: bytes) -> tuple[int, int, int, int]:
        """See :class:`scanner.Decoder`."""
        other = int(EventKind.OTHER)
        if text.startswith(b"<stack trace"):
            return other, EVENT_STACK, 0, 0
        match = _EVENT_NAME.fullmatch(_text(text))
        if match is None:
            ignored = EVENT_IGNORED if text.startswith(b"<user stack") else EVENT_NONE
            return other, ignored, 0, 0
        name = match[1]
        if name in {"kernel_stack", "user_stack"}:
            return other, EVENT_STACK if name == "kernel_stack" else EVENT_IGNORED, 0, 0
        point = TRACEPOINTS.get(name)
        if point is None:
            return other, EVENT_OTHER, 0, self._names.name(name)
        kind = int(point.kind)
        if KIND_NAMES[kind] != name:
            self._meta.kind_names[kind] = name
        return kind, point.shape, int(point.kind is EventKind.ALLOC), 0

    def tail(self, text: bytes) -> tuple[int, int, int, int] | None:
        """See :class:`scanner.Decoder`."""
        return self._fields.tail(_text(text))

    def rare(self, kind: int, text: bytes) -> tuple[int, int, int, int] | None:
        """See :class:`scanner.Decoder`."""
        return self._fields.rare(kind, _text(text))

    def site(self, text: bytes) -> int:
        """See :class:`scanner.Decoder`."""
        match = _SITE.search(_text(text))
        return self._names.of_site(match[1].partition("/")[0]) if match else 0

    def frames(self, text: bytes) -> tuple[int, int]:
        """See :class:`scanner.Decoder`."""
        frames = parse_frames(_text(text))
        return self._names.stack(frames), self._names.of_frames(frames)

    def odd_line(self, text: bytes) -> tuple[int, int] | None:
        """See :class:`scanner.Decoder`."""
        line = _text(text).strip()
        lost = _LOST.fullmatch(line)
        if lost is not None:
            self._lost_told += int(lost[2])
            self._count_lost()
            return int(lost[2]), int(lost[1])
        entries = _ENTRIES.fullmatch(line)
        if entries is not None:
            self._lost_summed = max(0, int(entries[2]) - int(entries[1]))
            self._count_lost()
        return (0, 0) if not line or _KNOWN_LINE.fullmatch(line) else None


def _text(piece: bytes) -> str:
    return piece.decode("utf-8", "backslashreplace")
