"""A filesystem transaction that unwinds: correct."""

import errno

from buddysim.caller import caller, every

MACHINE = {"mem": "16M"}


class Journal:
    """Blocks that are reserved and blocks that are free."""

    reserved = 0
    free = 64


def balanced():
    """No block is lost."""
    return Journal.reserved + Journal.free == 64 and Journal.reserved == 0


@caller(transaction=True, trigger=every("1ms", times=12), invariant=balanced)
def fs_write(mm):
    Journal.reserved, Journal.free = Journal.reserved + 3, Journal.free - 3
    taken = []
    try:
        with mm.nofs():
            for size in (192, 4096, 1024):
                buffer = mm.kmalloc(size, "GFP_NOFS")
                if buffer is None:
                    raise OSError(errno.ENOMEM, "no journal buffer")
                taken.append(buffer)
        for buffer in taken:
            buffer.touch()
    finally:
        for buffer in reversed(taken):
            mm.kfree(buffer)
        Journal.reserved, Journal.free = Journal.reserved - 3, Journal.free + 3


@caller(trigger=every("3ms", times=4), allow={"BS107": "read-ahead is only an optimisation"})
def fs_readahead(mm):
    page = mm.alloc_page("GFP_KERNEL|__GFP_NORETRY")
    if page is not None:
        page.touch()
        mm.free_page(page)
