"""A network driver that refills its receive ring: four bugs planted.

BS101 in rx_refill (the small buffer is used unchecked: only a streak shows it, so BS109),
BS101 in rx_poll_naive (the header is used unchecked), BS107 in rx_stats (a drop nobody counts),
BS203 in rx_stubborn (asks until it works).
"""

from buddysim.caller import caller, every

MACHINE = {"mem": "16M"}


@caller(context="softirq", trigger=every("1ms", times=8))
def rx_refill(mm):
    page = mm.alloc_pages(order=2, gfp="GFP_ATOMIC|__GFP_NOWARN")
    if page is None:
        page = mm.alloc_pages(order=0, gfp="GFP_ATOMIC")
    page.touch()  # BS109: the fallback can fail as well
    mm.free_pages(page)


@caller(context="softirq", trigger=every("1ms", times=8))
def rx_poll_naive(mm):
    header = mm.kmalloc(256, "GFP_ATOMIC")
    header.touch()  # BS101
    yield mm.sleep("20us")
    mm.kfree(header)


@caller(context="softirq", trigger=every("1ms", times=8))
def rx_stats(mm):
    page = mm.alloc_page("GFP_ATOMIC")  # BS107
    if page is not None:
        page.touch()
        mm.free_page(page)


@caller(context="process", trigger=every("1ms", times=4))
def rx_stubborn(mm):
    page = None
    while page is None:  # BS203
        page = mm.alloc_page("GFP_KERNEL|__GFP_NORETRY")
    mm.free_page(page)
