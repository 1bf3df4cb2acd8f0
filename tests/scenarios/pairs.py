"""Small callers in pairs: one with a planted bug, one that gets the same thing right.

Each text is a scenario behind :data:`HEAD`; the line that ends in ``# BSnnn`` is where the finding
must be.  A text without such a line must yield nothing.
"""

from __future__ import annotations

__all__ = ["HEAD", "PAIRS"]

HEAD = """\
import errno
from contextlib import contextmanager
from buddysim.caller import caller, every, once
"""

PAIRS: dict[str, str] = {
    "leak in a nested function": """
def fill(mm, table):
    for _ in range(3):
        page = mm.alloc_page("GFP_KERNEL")
        if page is None:
            return False
        table.append(page)
    return True
@caller(transaction=True, trigger=every("1ms", times=3))
def map_table(mm):
    table = []
    if not fill(mm, table):
        return -errno.ENOMEM  # BS102
    for page in table:
        mm.free_page(page)
""",
    "nested function unwound by its caller": """
def fill(mm, table):
    for _ in range(3):
        page = mm.alloc_page("GFP_KERNEL")
        if page is None:
            return False
        table.append(page)
    return True
@caller(transaction=True, trigger=every("1ms", times=3))
def map_table(mm):
    table = []
    done = fill(mm, table)
    for page in table:
        mm.free_page(page)
    return 0 if done else -errno.ENOMEM
""",
    "finally that frees only on success": """
@caller(transaction=True)
def send(mm):
    head, body, done = None, None, False
    try:
        head = mm.kmalloc(256)
        if head is None:
            raise OSError(errno.ENOMEM, "head")
        body = mm.kmalloc(9000)
        if body is None:
            raise OSError(errno.ENOMEM, "body")  # BS102
        done = True
    finally:
        if done:
            mm.kfree(body)
            mm.kfree(head)
""",
    "finally that frees always": """
@caller(transaction=True)
def send(mm):
    head, body = None, None
    try:
        head = mm.kmalloc(256)
        if head is None:
            raise OSError(errno.ENOMEM, "head")
        body = mm.kmalloc(9000)
        if body is None:
            raise OSError(errno.ENOMEM, "body")
    finally:
        mm.kfree(body)
        mm.kfree(head)
""",
    "leak through a context manager without finally": """
@contextmanager
def mapped(mm):
    page = mm.alloc_page("GFP_NOFS")
    if page is None:
        raise OSError(errno.ENOMEM, "no page")
    yield page
    mm.free_page(page)
@caller(transaction=True)
def flush(mm):
    with mapped(mm) as page:
        page.touch()
        bio = mm.kmalloc(300, "GFP_NOFS")
        if bio is None:
            raise OSError(errno.ENOMEM, "no bio")  # BS102
        mm.kfree(bio)
""",
    "context manager with finally": """
@contextmanager
def mapped(mm):
    page = mm.alloc_page("GFP_NOFS")
    if page is None:
        raise OSError(errno.ENOMEM, "no page")
    try:
        yield page
    finally:
        mm.free_page(page)
@caller(transaction=True)
def flush(mm):
    with mapped(mm) as page:
        page.touch()
        bio = mm.kmalloc(300, "GFP_NOFS")
        if bio is None:
            raise OSError(errno.ENOMEM, "no bio")
        mm.kfree(bio)
""",
    "leak across a wait of a generator": """
@caller(transaction=True, trigger=every("1ms", times=3))
def probe(mm):
    ring = mm.alloc_pages(2)
    if ring is None:
        return -errno.ENOMEM
    yield mm.sleep("20us")
    irq = mm.kmalloc(64)
    if irq is None:
        return -errno.ENOMEM  # BS102
    mm.kfree(irq)
    mm.free_pages(ring)
""",
    "generator that delegates and unwinds": """
def wait_for(mm):
    yield mm.sleep("20us")
    return mm.kmalloc(64)
@caller(transaction=True, trigger=every("1ms", times=3))
def probe(mm):
    ring = mm.alloc_pages(2)
    if ring is None:
        return -errno.ENOMEM
    irq = yield from wait_for(mm)
    if irq is None:
        mm.free_pages(ring)
        return -errno.ENOMEM
    mm.kfree(irq)
    mm.free_pages(ring)
""",
    "state half updated": """
class Queue:
    length = 0
    items = []
def consistent():  # BS110
    return Queue.length == len(Queue.items)
@caller(transaction=True, trigger=every("1ms", times=4), invariant=consistent)
def enqueue(mm):
    Queue.length += 1
    item = mm.kmalloc(128)
    if item is None:
        return -errno.ENOMEM
    Queue.items.append(item)
@caller(trigger=once("9ms"))
def drain(mm):
    while Queue.items:
        mm.kfree(Queue.items.pop())
""",
    "state updated last": """
class Queue:
    length = 0
    items = []
def consistent():
    return Queue.length == len(Queue.items)
@caller(transaction=True, trigger=every("1ms", times=4), invariant=consistent)
def enqueue(mm):
    item = mm.kmalloc(128)
    if item is None:
        return -errno.ENOMEM
    Queue.items.append(item)
    Queue.length += 1
@caller(trigger=once("9ms"))
def drain(mm):
    while Queue.items:
        mm.kfree(Queue.items.pop())
""",
    "failure swallowed by a helper": """
def reserve(mm):
    page = mm.alloc_page("GFP_NOFS")  # BS106
    if page is None:
        return False
    mm.free_page(page)
    return True
@caller(transaction=True)
def commit(mm):
    reserve(mm)
    return 0
""",
    "helper's failure passed on": """
def reserve(mm):
    page = mm.alloc_page("GFP_NOFS")
    if page is None:
        return False
    mm.free_page(page)
    return True
@caller(transaction=True)
def commit(mm):
    return 0 if reserve(mm) else -errno.ENOMEM
""",
    "use after free on the way out": """
@caller(transaction=True)
def io(mm):
    header, data = mm.kmalloc(64), None
    if header is None:
        return -errno.ENOMEM
    data = mm.vmalloc(20000)
    if data is None:
        mm.kfree(header)
        header.touch()  # BS104
        return -errno.ENOMEM
    mm.vfree(data)
    mm.kfree(header)
""",
    "double free by two owners": """
class Device:
    buffer = None
def teardown(mm):
    mm.kfree(Device.buffer)  # BS103
@caller(transaction=True)
def setup(mm):
    Device.buffer = mm.kmalloc(512)
    if Device.buffer is None:
        return -errno.ENOMEM
    extra = mm.kmalloc(512)
    if extra is None:
        mm.kfree(Device.buffer)
        teardown(mm)
        return -errno.ENOMEM
    mm.kfree(extra)
    teardown(mm)
""",
    "teardown that forgets what it freed": """
class Device:
    buffer = None
def teardown(mm):
    mm.kfree(Device.buffer)
    Device.buffer = None
@caller(transaction=True)
def setup(mm):
    Device.buffer = mm.kmalloc(512)
    if Device.buffer is None:
        return -errno.ENOMEM
    extra = mm.kmalloc(512)
    if extra is None:
        teardown(mm)
        teardown(mm)
        return -errno.ENOMEM
    mm.kfree(extra)
    teardown(mm)
""",
    "freed with the order that was wanted, not got": """
@caller(transaction=True)
def grow(mm):
    order = 3
    block = mm.alloc_pages(order, "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY")
    if block is None:
        block = mm.alloc_pages(0, "GFP_KERNEL")
    if block is None:
        return -errno.ENOMEM
    block.touch()
    mm.free_pages(block, order=order)  # BS105
""",
    "freed with the order that was got": """
@caller(transaction=True)
def grow(mm):
    order = 3
    block = mm.alloc_pages(order, "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY")
    if block is None:
        order = 0
        block = mm.alloc_pages(order, "GFP_KERNEL")
    if block is None:
        return -errno.ENOMEM
    block.touch()
    mm.free_pages(block, order=order)
""",
    "retry storm in a helper": """
def insist(mm, size):
    while True:
        got = mm.kmalloc(size, "GFP_NOWAIT")  # BS203
        if got is not None:
            return got
@caller(trigger=every("1ms", times=3))
def log(mm):
    line = insist(mm, 128)
    line.touch()
    mm.kfree(line)
""",
    "retries with an end": """
def insist(mm, size):
    for _ in range(5):
        got = mm.kmalloc(size, "GFP_NOWAIT")
        if got is not None:
            return got
    return None
@caller(trigger=every("1ms", times=3))
def log(mm):
    line = insist(mm, 128)
    if line is None:
        mm.count("lines_lost")
        return
    line.touch()
    mm.kfree(line)
""",
    "sleeps in a hard interrupt, after a fallback only": """
@caller(context="hardirq", trigger=every("1ms", times=2))
def irq(mm):
    page = mm.alloc_pages(1, "GFP_ATOMIC|__GFP_NOWARN")
    if page is None:
        page = mm.alloc_pages(0, "GFP_NOIO")  # BS201
    if page is None:
        mm.count("irq_lost")
        return
    page.touch()
    mm.free_pages(page)
""",
    "null dereference through an attribute": """
class Packet:
    def __init__(self, data):
        self.data = data
@caller(context="softirq", trigger=every("1ms", times=2))
def rx(mm):
    packet = Packet(mm.kmalloc(1500, "GFP_ATOMIC"))
    packet.data.touch()  # BS101
    mm.kfree(packet.data)
""",
    "null dereference at an offset": """
@caller(context="softirq", trigger=every("1ms", times=2))
def rx(mm):
    data = mm.kmalloc(1500, "GFP_ATOMIC")
    room = data.nr_pages + 14  # BS101
    mm.kfree(data)
""",
    "data lost without a word": """
backlog = []
@caller(context="softirq", trigger=every("1ms", times=4))
def rx(mm):
    page = mm.alloc_page("GFP_ATOMIC")  # BS107
    if page is None:
        return
    backlog.append(page)
@caller(trigger=once("9ms"))
def drain(mm):
    while backlog:
        mm.free_page(backlog.pop())
""",
    "two leaks in one function": """
@caller(transaction=True)
def attach(mm):
    a = mm.alloc_page()
    if a is None:
        return -errno.ENOMEM
    b = mm.alloc_page()
    if b is None:
        return -errno.ENOMEM  # BS102
    c = mm.alloc_page()
    if c is None:
        mm.free_page(b)
        return -errno.ENOMEM  # BS102
    for page in (a, b, c):
        mm.free_page(page)
""",
    "wrong error code": """
@caller(transaction=True)
def open_file(mm):
    table = mm.kmalloc(700)
    if table is None:
        return -errno.EINVAL  # BS108
    mm.kfree(table)
""",
    "survives one failure, not two": """
@caller(transaction=True)
def mount(mm):
    block = mm.kmalloc(32768, "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY")
    if block is None:
        block = mm.vmalloc(32768)
    block.touch()  # BS109
    mm.kfree(block)
""",
    "reclaim recursion in a helper": """
def helper(mm):
    return mm.kmalloc(96, "GFP_KERNEL")  # BS209
@caller(transaction=True)
def journal(mm):
    with mm.nofs():
        record = helper(mm)
        if record is None:
            return -errno.ENOMEM
    mm.kfree(record)
""",
    "the mask that the section asks for": """
def helper(mm):
    return mm.kmalloc(96, "GFP_NOFS")
@caller(transaction=True)
def journal(mm):
    with mm.nofs():
        record = helper(mm)
        if record is None:
            return -errno.ENOMEM
    mm.kfree(record)
""",
    "NOWARN and nothing counted": """
@caller(trigger=every("1ms", times=2))
def readahead(mm):
    page = mm.alloc_page("GFP_KERNEL|__GFP_NOWARN")  # BS302
    if page is not None:
        mm.free_page(page)
""",
    "NOWARN and counted": """
@caller(trigger=every("1ms", times=2))
def readahead(mm):
    page = mm.alloc_page("GFP_KERNEL|__GFP_NOWARN")
    if page is None:
        mm.count("readahead_skipped")
        return
    mm.free_page(page)
""",
    "an exception of the wrong kind": """
@caller(transaction=True)
def lookup(mm):
    cache = {}
    node = mm.kmalloc(192)
    if node is not None:
        cache["node"] = node
    mm.kfree(cache["node"])  # BS108
""",
}
