"""A block layer that bounces pages, with a reserve for bad times (a mempool): correct."""

from buddysim.caller import caller, every

RESERVE = 4
MACHINE = {"mem": "16M"}

pool = []


@caller(transaction=True)
def bounce_init(mm):
    taken = []
    for _ in range(RESERVE):
        page = mm.alloc_page("GFP_KERNEL")
        if page is None:
            for each in taken:
                mm.free_page(each)
            raise OSError("ENOMEM")
        taken.append(page)
    pool.extend(taken)


@caller(trigger=every("1ms", times=20, start="1ms"), errors=["EAGAIN"])
def bounce_write(mm):
    with mm.noio():
        page = mm.alloc_page("GFP_NOIO|__GFP_NOWARN|__GFP_NORETRY")
    from_pool = page is None
    if from_pool:
        if not pool:
            mm.count("bounce_requeued")
            return
        mm.count("bounce_from_pool")
        page = pool.pop()
    page.touch()
    yield mm.sleep("200us")
    if from_pool:
        pool.append(page)
    else:
        mm.free_page(page)
