"""SLUB's warning: the sample of fact sheet 15.3 and the older text without the cpu."""

from __future__ import annotations

from buddysim.kernel.gfp import composite
from buddysim.kernel.profile import profile_of
from buddysim.kernel.slab_order import SlabOrder
from buddysim.warn.slub_warning import NodeSlabs, SlubFailure, slub_warning


def failure(era: str) -> SlubFailure:
    gfp = composite("GFP_ATOMIC", era)
    nodes = (NodeSlabs(0, 12, 192, 0),)
    return SlubFailure(gfp, "kmalloc-2k", 2048, SlabOrder(3, 0), cpu=3, nodes=nodes)


def test_6_12() -> None:
    assert slub_warning(failure("6.12"), profile_of("6.12")) == [
        "SLUB: Unable to allocate memory on CPU 3 (of node 0) on node -1, gfp=0x820(GFP_ATOMIC)",
        "  cache: kmalloc-2k, object size: 2048, buffer size: 2048, default order: 3, min order: 0",
        "  node 0: slabs: 12, objs: 192, free: 0",
    ]


def test_older_kernels_omit_the_cpu() -> None:
    assert slub_warning(failure("4.19"), profile_of("4.19"))[0] == (
        "SLUB: Unable to allocate memory on node -1, gfp=0x480020(GFP_ATOMIC)"
    )
