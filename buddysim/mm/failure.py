"""The account of why a request failed.  Most replays of short traces need none."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Failure", "ZoneTry"]


@dataclass(frozen=True, slots=True)
class ZoneTry:
    """The last look at one zone for a failed request.  Pages.

    ``missing`` is how many more free pages the mark wanted (0 = it was passed); ``verdict`` is
    ``not-allowed``, ``below-watermark``, ``reserved``, ``fragmented``, ``wrong-migratetype`` or
    ``passes``.
    """

    name: str
    node: int
    free: int
    mark: int
    reserve: int
    unusable: int
    missing: int
    suitable_blocks: int
    verdict: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why ``alloc_pages`` returned -1.  ``cause`` is one of architecture.md's causes."""

    order: int
    gfp: int
    context: int
    cause: str
    zones: tuple[ZoneTry, ...] = ()
    reclaim_rounds: int = 0
    compact_rounds: int = 0
    oom_kills: int = 0
