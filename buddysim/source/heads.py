"""The left part of a trace line: task, cpu and the flags column (fact sheet 13.5, 13.7, 13.8)."""

from __future__ import annotations

import re
from typing import NamedTuple

from buddysim.kernel.context import Context

__all__ = ["Head", "parse_flags", "parse_head"]

_FLAGS = rb"[.dDbXx][!-~][.hsHzZ][.0-9a-f]{1,2}"
_FTRACE = re.compile(
    rb" *(?P<comm>.*)-(?P<pid>\d{1,10}) +(?:\([ \d-]*\) *)?"
    rb"(?:\[(?P<cpu>\d{1,6})\](?: (?P<flags>" + _FLAGS + rb"))?|(?P<lcpu>\d{1,6})(?P<lflags>"
    rb"[.dDbXx][!-~][.hsHzZ][.0-9a-f]{2})) *"
)
_PERF = re.compile(
    rb" *(?P<comm>\S.*?) +(?P<pid>-?\d{1,10})(?:/ *(?P<tid>-?\d{1,10}))? +"
    rb"\[(?P<cpu>\d{1,6})\](?: (?P<flags>" + _FLAGS + rb"))? *"
)

_IRQS = {
    "d": Context.IRQS_OFF,
    "D": Context.IRQS_OFF | Context.BH_OFF,
    "b": Context.BH_OFF,
}
_INTERRUPT = {
    "h": Context.HARDIRQ,
    "s": Context.SOFTIRQ,
    "H": Context.HARDIRQ | Context.SOFTIRQ,
    "z": Context.NMI,
    "Z": Context.NMI | Context.HARDIRQ,
}
_LARGEST_CPU = 0xFFFF


class Head(NamedTuple):
    """Who, where and in which context."""

    comm: str
    pid: int
    """The thread's id."""
    cpu: int
    context: int
    """:class:`Context` bits; UNKNOWN when there is no flags column."""


def parse_flags(text: str) -> int:
    """Four or five flag characters to :class:`Context` bits."""
    context = _IRQS.get(text[0], Context.PROCESS) | _INTERRUPT.get(text[2], Context.PROCESS)
    if text[3] not in ".0":
        context |= Context.PREEMPT_OFF
    return int(context)


def parse_head(text: bytes, *, perf: bool) -> Head | None:
    """What stands before the time, in ``perf script`` or else ftrace and trace-cmd; or None."""
    match = (_PERF if perf else _FTRACE).fullmatch(text)
    if match is None:
        return None
    groups = match.groupdict()
    cpu = int(groups["cpu"] or groups["lcpu"])
    if cpu > _LARGEST_CPU:
        return None
    flags = groups["flags"] or groups.get("lflags")
    return Head(
        comm=groups["comm"].decode("utf-8", "backslashreplace"),
        pid=int(groups.get("tid") or groups["pid"]),
        cpu=cpu,
        context=parse_flags(flags.decode()) if flags else int(Context.UNKNOWN),
    )
