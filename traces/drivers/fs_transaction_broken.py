"""A filesystem transaction that unwinds badly: five bugs planted.

BS102 in fs_write (the first buffer leaks when the third fails), BS106 in fs_commit (a failure is
swallowed), BS110 in fs_reserve (the reservation is not given back), BS103 in fs_truncate (a buffer
is freed twice on the way out), BS108 in fs_mount (a KeyError instead of an error code).
"""

import errno

from buddysim.caller import caller, every

MACHINE = {"mem": "16M"}

reserved = {"blocks": 0}


def nothing_reserved():
    """Between transactions no block is reserved."""
    return reserved["blocks"] == 0


@caller(transaction=True, trigger=every("1ms", times=5))
def fs_write(mm):
    first = mm.kmalloc(192, "GFP_NOFS")
    if first is None:
        return -errno.ENOMEM
    second = mm.kmalloc(4096, "GFP_NOFS")
    if second is None:
        mm.kfree(first)
        return -errno.ENOMEM
    third = mm.alloc_page("GFP_NOFS")
    if third is None:
        mm.kfree(second)
        return -errno.ENOMEM  # BS102: first is still live
    mm.free_page(third)
    mm.kfree(second)
    mm.kfree(first)
    return 0


@caller(transaction=True, trigger=every("1ms", times=5))
def fs_commit(mm):
    try:
        page = mm.alloc_page("GFP_NOFS")  # BS106
        if page is None:
            raise OSError(errno.ENOMEM, "no page")
        mm.free_page(page)
    except OSError:
        pass


@caller(transaction=True, trigger=every("1ms", times=5))
def fs_reserve(mm):
    reserved["blocks"] += 1
    page = mm.alloc_page("GFP_NOFS")
    if page is None:
        mm.invariant(lambda: reserved["blocks"] == 0, "nothing reserved on the way out")  # BS110
        reserved["blocks"] -= 1
        raise OSError(errno.ENOMEM)
    mm.free_page(page)
    reserved["blocks"] -= 1


@caller(transaction=True, trigger=every("1ms", times=5))
def fs_truncate(mm):
    first, second = mm.alloc_page("GFP_NOFS"), None
    if first is None:
        return -errno.ENOMEM
    second = mm.alloc_page("GFP_NOFS")
    if second is None:
        mm.free_page(first)
    else:
        mm.free_page(second)
    mm.free_page(first)  # BS103 when second failed
    return 0 if second is not None else -errno.ENOMEM


@caller(transaction=True, trigger=every("1ms", times=3))
def fs_mount(mm):
    tables = {}
    page = mm.alloc_page("GFP_KERNEL")
    if page is not None:
        tables["root"] = page
    root = tables["root"]  # BS108: KeyError
    mm.free_page(root)
