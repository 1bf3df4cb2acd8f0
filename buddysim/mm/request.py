"""One allocation request on the slow road."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Request"]


@dataclass(slots=True)
class Request:
    """What was asked, canonical mask, and by whom.  ``caller`` indexes the trace's table."""

    order: int
    gfp: int
    cpu: int = 0
    node: int = 0
    context: int = 0
    caller: int = 0
    realtime: bool = False
    memalloc_task: bool = False
    oom_victim: bool = False
    class_index: int = 2
    migratetype: int = 0
