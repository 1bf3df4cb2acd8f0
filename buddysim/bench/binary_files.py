"""A trace as perf.data and as trace.dat: so that reading them can be measured anywhere.

As little as each format allows: one attribute and no call chains; one cpu and no comms.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from buddysim.kernel.gfp import encode_mask
from buddysim.kernel.gfp_table import TRACE_WORDS
from buddysim.kernel.migratetype import to_printed
from buddysim.source.event import EventKind, Trace

__all__ = ["perf_data", "trace_dat"]

_ERA = "6.12"
_ALLOC_ID, _FREE_ID = 653, 655
_ALLOC = int(EventKind.ALLOC)
_COMMON = """\
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:unsigned long pfn;\toffset:8;\tsize:8;\tsigned:0;
\tfield:unsigned int order;\toffset:16;\tsize:4;\tsigned:0;
"""
_ALLOC_FIELDS = """\
\tfield:unsigned long gfp_flags;\toffset:24;\tsize:8;\tsigned:0;
\tfield:int migratetype;\toffset:32;\tsize:4;\tsigned:1;
"""
_FREE_PRINT = '"pfn=0x%lx order=%d", REC->pfn, REC->order'
_FLAGS = ", ".join(f'{{{mask:#x}UL, "{word}"}}' for mask, word in TRACE_WORDS[_ERA])
_ALLOC_PRINT = (
    '"pfn=0x%lx order=%d migratetype=%d gfp_flags=%s", REC->pfn, REC->order, REC->migratetype, '
    f'(REC->gfp_flags) ? __print_flags(REC->gfp_flags, "|", {_FLAGS}) : "none"'
)
"""What a tool prints of an event, and so has to work for: all of it, as of a kernel's own."""
_FORMATS = tuple(
    f"name: {name}\nID: {number}\nformat:\n{_COMMON}{more}\nprint fmt: {told}\n"
    for name, number, more, told in (
        ("mm_page_alloc", _ALLOC_ID, _ALLOC_FIELDS, _ALLOC_PRINT),
        ("mm_page_free", _FREE_ID, "", _FREE_PRINT),
    )
)
_HEADER_PAGE = (
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
    "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n"
)
_HEADER_EVENT = (
    "# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n"
    "\tarray       :   32 bits\n\n\tpadding     : type == 29\n\ttime_extend : type == 30\n"
    "\ttime_stamp : type == 31\n\tdata max type_len  == 28\n"
)
_PAGE = 4096
_PAGE_HEAD = 16
_PID = 1000


def _payloads(trace: Trace) -> Iterator[tuple[int, bytes]]:
    """Time in ns and the tracepoint's own record, of allocations and frees."""
    for batch in trace.batches():
        for row, kind in enumerate(batch.kind):
            number = _ALLOC_ID if kind == _ALLOC else _FREE_ID
            pid = _PID + batch.task[row]
            raw = struct.pack("<HBBiQI", number, 0, 0, pid, batch.pfn[row], batch.order[row])
            if kind == _ALLOC:
                mask = encode_mask(batch.gfp[row], _ERA)
                raw += struct.pack("<4xQi", mask, to_printed(batch.migratetype[row], _ERA))
            yield batch.time_ns[row], raw


def _sized(text: str | bytes) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(content)) + content


def _metadata(before: bytes) -> bytes:
    """How the events are laid out, as both tools keep it."""
    head = before + b"\0\x08" + struct.pack("<I", _PAGE)
    head += b"header_page\0" + _sized(_HEADER_PAGE) + b"header_event\0" + _sized(_HEADER_EVENT)
    head += struct.pack("<I", 0)  # formats of ftrace itself
    formats = b"".join(map(_sized, _FORMATS))
    head += struct.pack("<I", 1) + b"kmem\0" + struct.pack("<I", len(_FORMATS)) + formats
    return head + struct.pack("<I", 0)  # no symbols


_SAMPLE_TYPE = 1 | 2 | 4 | 128 | 256 | 1024 | 1 << 16
"""Address, thread, time, cpu, period, the tracepoint's record; the event's id before all."""
_SAMPLE_ID_ALL = 1 << 18
_HEAD_BYTES, _ATTRIBUTE_BYTES, _ID_BYTES = 104, 128 + 16, 8
_TRACING_DATA, _RELEASE = 1 << 1, 1 << 4


def perf_data(trace: Trace) -> bytes:
    """The trace as ``perf record`` would have written it."""
    samples = b"".join(_sample(time, raw) for time, raw in _payloads(trace))
    attributes = _attributes(_ALLOC_ID, _FREE_ID)
    features = (
        _metadata(b"\x17\x08Dtracing0.6\0") + struct.pack("<IQ", 0, 0),
        struct.pack("<I", 64) + b"6.12.0".ljust(64, b"\0"),
    )
    samples_at = _HEAD_BYTES + len(attributes)
    at = samples_at + len(samples) + 16 * len(features)
    table = b""
    for feature in features:
        table += struct.pack("<QQ", at, len(feature))
        at += len(feature)
    head = struct.pack("<8sQQ", b"PERFILE2", _HEAD_BYTES, _ATTRIBUTE_BYTES)
    head += struct.pack("<QQ", _HEAD_BYTES, 2 * _ATTRIBUTE_BYTES)
    head += struct.pack("<4Q", samples_at, len(samples), 0, 0)
    head += struct.pack("<4Q", _TRACING_DATA | _RELEASE, 0, 0, 0)
    return head + attributes + samples + table + b"".join(features)


def _attributes(*numbers: int) -> bytes:
    """One for each event, then their ids: the tracepoints' numbers."""
    ids_at = _HEAD_BYTES + _ATTRIBUTE_BYTES * len(numbers)
    attributes = b""
    for place, number in enumerate(numbers):
        told = struct.pack("<IIQQQQQ", 2, 128, number, 1, _SAMPLE_TYPE, 0, _SAMPLE_ID_ALL)
        attributes += told.ljust(128, b"\0")
        attributes += struct.pack("<QQ", ids_at + _ID_BYTES * place, _ID_BYTES)
    return attributes + struct.pack(f"<{len(numbers)}Q", *numbers)


def _sample(time: int, raw: bytes) -> bytes:
    number, pid = struct.unpack_from("<H2xi", raw)
    raw += bytes(-(len(raw) + 4) % 8)
    body = struct.pack("<QQIIQIIQI", number, 0, pid, pid, time, 0, 0, 1, len(raw)) + raw
    return struct.pack("<IHH", 9, 0, 8 + len(body)) + body


def trace_dat(trace: Trace) -> bytes:
    """The trace as ``trace-cmd record`` would have written it, file version 6."""
    content = _metadata(b"\x17\x08Dtracing6\0") + struct.pack("<I", 0) + _sized(b"")
    content += struct.pack("<I", 1) + b"options  \0" + struct.pack("<H", 0)
    pages = b"".join(_pages(_payloads(trace)))
    pages_at = -(-(len(content) + 26) // _PAGE) * _PAGE
    content += b"flyrecord\0" + struct.pack("<QQ", pages_at, len(pages))
    return content.ljust(pages_at, b"\0") + pages


def _pages(payloads: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
    """Ring buffer pages: each begins with a time, its events tell how much later they are."""
    data, began, before = b"", 0, 0
    for time, payload in payloads:
        raw = payload + bytes(-len(payload) % 4)
        if len(data) + 4 + len(raw) > _PAGE - _PAGE_HEAD:
            yield _page(began, data)
            data = b""
        if not data:
            began = before = time
        data += struct.pack("<I", (time - before) << 5 | len(raw) // 4) + raw
        before = time
    yield _page(began, data)


def _page(began: int, data: bytes) -> bytes:
    return (struct.pack("<QQ", began, len(data)) + data).ljust(_PAGE, b"\0")
