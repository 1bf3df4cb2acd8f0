"""SLUB's own warning, which follows the page allocation failure report (fact sheet 15.3).

It has a rate limit of its own (``warn.ratelimit.slub_warning_limit``) and tells which page orders
were tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from buddysim.kernel.failure_report import SLUB_WARNING
from buddysim.kernel.gfp import encode_mask, format_names
from buddysim.kernel.profile import Profile
from buddysim.kernel.slab_order import SlabOrder

__all__ = ["NodeSlabs", "SlubFailure", "slub_warning"]

_CPU_SINCE = (6, 3)
"""The row read in 6.12; the release that added the cpu is not known."""


@dataclass(frozen=True, slots=True)
class NodeSlabs:
    """A node's slabs of the cache."""

    node: int
    slabs: int
    objects: int
    free: int


@dataclass(frozen=True, slots=True)
class SlubFailure:
    """A failed object allocation; sizes in bytes, ``gfp`` canonical, ``node`` -1 = any."""

    gfp: int
    cache: str
    object_size: int
    orders: SlabOrder
    buffer_size: int = 0
    """Object with its padding; the object size when 0."""
    cpu: int = 0
    cpu_node: int = 0
    node: int = -1
    nodes: Sequence[NodeSlabs] = ()


def slub_warning(failure: SlubFailure, profile: Profile) -> list[str]:
    """The lines in the words of the profile's era; one more per node that has slabs."""
    head, cache, counts = SLUB_WARNING
    era = profile.gfp_era
    cpu = f" on CPU {failure.cpu} (of node {failure.cpu_node})"
    return [
        head.format(
            on_cpu=cpu if profile.since >= _CPU_SINCE else "",
            node=failure.node,
            mask=f"{encode_mask(failure.gfp, era):#x}",
            names=format_names(failure.gfp, era),
        ),
        cache.format(
            cache=failure.cache,
            object_size=failure.object_size,
            buffer_size=failure.buffer_size or failure.object_size,
            order=failure.orders.order,
            min_order=failure.orders.min_order,
        ),
        *(
            counts.format(node_id=each.node, slabs=each.slabs, objects=each.objects, free=each.free)
            for each in failure.nodes
        ),
    ]
