"""Writes small trace.dat files byte by byte, as trace-cmd lays them out."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

ALLOC, FREE = 653, 655
STACK, USER_STACK, OTHER = 4, 10, 300
PAGE_BYTES = 4096
HEADER_PAGE = (
    b"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    b"\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
    b"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
    b"\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n"
)
FTRACE_FORMATS = [
    b"name: kernel_stack\nID: 4\nformat:\n"
    b"\tfield:int size;\toffset:8;\tsize:4;\tsigned:1;\n"
    b"\tfield:unsigned long caller[8];\toffset:16;\tsize:64;\tsigned:0;\n",
    b"name: user_stack\nID: 10\nformat:\n"
    b"\tfield:unsigned int tgid;\toffset:8;\tsize:4;\tsigned:0;\n",
]
EVENT_FORMATS = [
    b"name: mm_page_alloc\nID: 653\nformat:\n"
    b"\tfield:unsigned long pfn;\toffset:8;\tsize:8;\tsigned:0;\n"
    b"\tfield:unsigned int order;\toffset:16;\tsize:4;\tsigned:0;\n"
    b"\tfield:unsigned long gfp_flags;\toffset:24;\tsize:8;\tsigned:0;\n"
    b"\tfield:int migratetype;\toffset:32;\tsize:4;\tsigned:1;\n",
    b"name: mm_page_free\nID: 655\nformat:\n"
    b"\tfield:unsigned long pfn;\toffset:8;\tsize:8;\tsigned:0;\n"
    b"\tfield:unsigned int order;\toffset:16;\tsize:4;\tsigned:0;\n",
    b"name: sched_switch\nID: 300\n",
]


def head(number: int, pid: int, flags: int = 0, depth: int = 0) -> bytes:
    return struct.pack("<HBBi", number, flags, depth, pid)


def alloc(pfn: int, *, pid: int = 7, order: int = 0, gfp: int = 0xCC0, **where: int) -> bytes:
    return head(ALLOC, pid, **where) + struct.pack("<QI4xQi", pfn & 2**64 - 1, order, gfp, 1)


def free(pfn: int, *, pid: int = 7, order: int = 0) -> bytes:
    return head(FREE, pid) + struct.pack("<QI", pfn, order)


def stack(*addresses: int, pid: int = 7) -> bytes:
    return head(STACK, pid) + struct.pack(f"<i4x{len(addresses)}Q", len(addresses), *addresses)


def entry(delta: int, raw: bytes, *, long: bool = False) -> bytes:
    """One event ``delta`` clock units after the one before."""
    raw += bytes(-len(raw) % 4)
    if long or len(raw) > 28 * 4:
        return struct.pack("<II", delta << 5, len(raw) + 4) + raw
    return struct.pack("<I", delta << 5 | len(raw) // 4) + raw


def extend(delta: int) -> bytes:
    return struct.pack("<II", (delta & (1 << 27) - 1) << 5 | 30, delta >> 27)


def stamp(time: int) -> bytes:
    time &= (1 << 59) - 1
    return struct.pack("<II", (time & (1 << 27) - 1) << 5 | 31, time >> 27)


def padding(size: int) -> bytes:
    """A discarded event of ``size`` bytes in all."""
    return struct.pack("<II", 1 << 5 | 29, size - 4) + bytes(size - 8)


def page(time: int, *entries: bytes, lost: int = 0, flags: int = 0) -> bytes:
    data = b"".join(entries)
    if lost:
        flags |= 3 << 30
    content = struct.pack("<QQ", time, len(data) | flags) + data
    if lost:
        content += struct.pack("<Q", lost)
    assert len(content) <= PAGE_BYTES
    return content.ljust(PAGE_BYTES, b"\0")


@dataclass
class TraceDat:
    """Pages by cpu and what stands before them."""

    cpus: list[list[bytes]]
    kallsyms: bytes = b""
    comms: bytes = b"7 sh\n8 my comm\n0 <idle>\n"
    options: list[tuple[int, bytes]] = field(default_factory=list)
    compression: str = "none"
    instance: bool = False
    """Put the pages into an instance's buffer instead of the top one."""
    page_size_in_buffer: bool = True

    def _initial(self, version: bytes) -> bytes:
        return b"\x17\x08Dtracing" + version + b"\0" + b"\0\x08" + struct.pack("<I", PAGE_BYTES)

    def _parts(self) -> dict[int, bytes]:
        """The metadata by number of its section in version 7."""
        info = b"header_page\0" + _sized(HEADER_PAGE) + b"header_event\0" + _sized(b"# x\n")
        events = struct.pack("<I", 1) + b"kmem\0" + _counted(EVENT_FORMATS)
        return {
            16: info,
            17: _counted(FTRACE_FORMATS),
            18: events,
            19: struct.pack("<I", len(self.kallsyms)) + self.kallsyms,
            20: struct.pack("<I", 2) + b"a\n",
            21: _sized(self.comms),
        }

    def version_6(self) -> bytes:
        content = self._initial(b"6") + b"".join(self._parts().values())
        content += struct.pack("<I", len(self.cpus))
        options = list(self.options)
        table_bytes = 10 + 16 * len(self.cpus)
        size = sum(6 + len(told) for _, told in options) + 12 + (15 if self.instance else 0)
        top_at = len(content) + size
        if self.instance:
            options.append((3, struct.pack("<Q", top_at + table_bytes) + b"\0"))
        content += b"options  \0"
        content += b"".join(struct.pack("<HI", *_option(each)) + each[1] for each in options)
        content += struct.pack("<H", 0)
        assert len(content) == top_at
        pages_at = -(-(top_at + 2 * table_bytes) // PAGE_BYTES) * PAGE_BYTES
        empty = b"flyrecord\0" + struct.pack("<QQ", pages_at, 0) * len(self.cpus)
        content += empty if self.instance else b""
        content += b"flyrecord\0" + self._table(pages_at)
        return content.ljust(pages_at, b"\0") + b"".join(b"".join(pages) for pages in self.cpus)

    def _table(self, at: int) -> bytes:
        table = b""
        for pages in self.cpus:
            table += struct.pack("<QQ", at, PAGE_BYTES * len(pages))
            at += PAGE_BYTES * len(pages)
        return table

    def version_7(self) -> bytes:
        first = self._initial(b"7") + self.compression.encode() + b"\0" + b"1.0\0"
        content = first + bytes(8)
        options = list(self.options)
        for number, part in self._parts().items():
            options.append((number, struct.pack("<Q", len(content))))
            content += self._section(number, part)
        buffer = struct.pack("<Q", len(content)) + b"\0local\0"
        buffer += struct.pack("<I", PAGE_BYTES) if self.page_size_in_buffer else b""
        buffer += struct.pack("<I", len(self.cpus))
        compressed = int(self.compression != "none")
        content += struct.pack("<HHIQ", 3, compressed, 0, 0)
        content = content.ljust(-(-len(content) // PAGE_BYTES) * PAGE_BYTES, b"\0")
        for cpu, pages in enumerate(self.cpus):
            data = self._chunks(pages)
            buffer += struct.pack("<IQQ", cpu, len(content), len(data))
            content += data
        options.append((3, buffer))
        # two sections of options, the second found by the first one's end
        last = self._options(options[3:], 0)
        at = len(content)
        content += self._section(0, last, plain=True)
        second = len(content)
        content += self._section(0, self._options(options[:3], at), plain=True)
        return first + struct.pack("<Q", second) + content[len(first) + 8 :]

    def _options(self, options: list[tuple[int, bytes]], following: int) -> bytes:
        told = b"".join(struct.pack("<HI", *_option(each)) + each[1] for each in options)
        return told + struct.pack("<HIQ", 0, 8, following)

    def _section(self, number: int, content: bytes, *, plain: bool = False) -> bytes:
        if self.compression == "none" or plain:
            return struct.pack("<HHIQ", number, 0, 0, len(content)) + content
        packed = self._compress(content)
        packed = struct.pack("<II", len(packed), len(content)) + packed
        return struct.pack("<HHIQ", number, 1, 0, len(packed)) + packed

    def _chunks(self, pages: list[bytes]) -> bytes:
        if self.compression == "none":
            return b"".join(pages)
        chunks = [b"".join(pages[at : at + 2]) for at in range(0, len(pages), 2)]
        content = struct.pack("<I", len(chunks))
        for chunk in chunks:
            packed = self._compress(chunk)
            content += struct.pack("<II", len(packed), len(chunk)) + packed
        return content

    def _compress(self, content: bytes) -> bytes:
        if self.compression == "zlib":
            import zlib

            return zlib.compress(content)
        import zstandard

        return zstandard.ZstdCompressor().compress(content)


def _option(option: tuple[int, bytes]) -> tuple[int, int]:
    return option[0], len(option[1])


def _sized(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content


def _counted(texts: list[bytes]) -> bytes:
    return struct.pack("<I", len(texts)) + b"".join(map(_sized, texts))
