"""GFP flags that contradict each other (fact sheet 4.5)."""

from __future__ import annotations

from buddysim.errors import ConfigError
from buddysim.kernel.gfp_table import Gfp
from buddysim.kernel.zone import highest_zone

__all__ = ["contradictions"]

_PAIRS: tuple[tuple[Gfp, Gfp, str], ...] = (
    (Gfp.MOVABLE, Gfp.RECLAIMABLE, "__GFP_MOVABLE with __GFP_RECLAIMABLE: a page has one mobility"),
    (Gfp.MEMALLOC, Gfp.NOMEMALLOC, "__GFP_MEMALLOC with __GFP_NOMEMALLOC: the latter wins"),
    (Gfp.NOFAIL, Gfp.NORETRY, "__GFP_NOFAIL with __GFP_NORETRY: may never fail, may not retry"),
    (Gfp.NOFAIL, Gfp.RETRY_MAYFAIL, "__GFP_NOFAIL with __GFP_RETRY_MAYFAIL"),
    (Gfp.NORETRY, Gfp.RETRY_MAYFAIL, "__GFP_NORETRY with __GFP_RETRY_MAYFAIL"),
    (Gfp.NORETRY, Gfp.REPEAT, "__GFP_NORETRY with __GFP_REPEAT"),
    (Gfp.ATOMIC, Gfp.DIRECT_RECLAIM, "__GFP_ATOMIC with direct reclaim: atomic must not sleep"),
    (Gfp.KMEMCG, Gfp.NOACCOUNT, "__GFP_KMEMCG with __GFP_NOACCOUNT"),
)
_NEED_RECLAIM: tuple[tuple[Gfp, str], ...] = (
    (Gfp.NOFAIL, "__GFP_NOFAIL without direct reclaim: it can fail all the same"),
    (Gfp.RETRY_MAYFAIL, "__GFP_RETRY_MAYFAIL without direct reclaim: nothing to retry"),
    (Gfp.REPEAT, "__GFP_REPEAT without direct reclaim: nothing to repeat"),
)


def contradictions(gfp: int) -> tuple[str, ...]:
    """What is wrong with a canonical mask in itself, in sentences; empty when nothing is."""
    found = [text for one, other, text in _PAIRS if gfp & one and gfp & other]
    if not gfp & Gfp.DIRECT_RECLAIM:
        found += [text for flag, text in _NEED_RECLAIM if gfp & flag]
    try:
        highest_zone(gfp)
    except ConfigError as error:
        found.append(error.found)
    return tuple(found)
