"""A block layer that bounces pages: three bugs planted.

BS209 in bounce_write (GFP_KERNEL in a noio section), BS104 in bounce_end (a page used after it
was given back, in the error path only), BS108 in bounce_clone (EIO for lack of memory).
"""

import errno

from buddysim.caller import caller, every

MACHINE = {"mem": "16M"}


@caller(trigger=every("1ms", times=10))
def bounce_write(mm):
    with mm.noio():
        page = mm.alloc_page("GFP_KERNEL")  # BS209
    if page is None:
        mm.count("requeued")
        return
    page.touch()
    mm.free_page(page)


@caller(transaction=True, trigger=every("1ms", times=6))
def bounce_end(mm):
    first = mm.alloc_page("GFP_NOIO")
    if first is None:
        return -errno.ENOMEM
    second = mm.alloc_page("GFP_NOIO")
    if second is None:
        mm.free_page(first)
        first.touch()  # BS104
        return -errno.ENOMEM
    mm.free_page(second)
    mm.free_page(first)
    return 0


@caller(transaction=True, trigger=every("1ms", times=6))
def bounce_clone(mm):
    clone = mm.kmalloc(512, "GFP_NOIO")
    if clone is None:
        raise OSError(errno.EIO, "cannot clone")  # BS108
    clone.touch()
    mm.kfree(clone)
