"""A network driver that refills its receive ring: correct.

Each refill takes order-2 buffers; when there is none it falls back to single pages, and what it
cannot replace it leaves empty and counts.
"""

from buddysim.caller import caller, every

RING_SIZE = 16
MACHINE = {"mem": "16M"}

ring = [None] * RING_SIZE


def get_buffer(mm):
    """A large buffer, else a single page, else None."""
    return mm.alloc_pages(order=2, gfp="GFP_ATOMIC|__GFP_NOWARN") or mm.alloc_pages(
        order=0, gfp="GFP_ATOMIC"
    )


@caller(context="softirq", trigger=every("1ms", times=20))
def rx_refill(mm):
    for slot, held in enumerate(ring):
        if held is not None:
            continue
        page = get_buffer(mm)
        if page is None:
            mm.count("rx_refill_failed")
            return
        ring[slot] = page


@caller(context="softirq", trigger=every("1ms", times=20, start="500us"))
def rx_poll(mm):
    for slot in range(0, RING_SIZE, 4):
        page = ring[slot]
        if page is None:
            mm.count("rx_dropped")
            continue
        page.touch()
        mm.free_pages(page)
        ring[slot] = None
