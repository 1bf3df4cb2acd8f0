"""Writes small perf.data files byte by byte, as perf lays them out."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

ALLOC, FREE = 653, 655
KERNEL_MARK, USER_MARK = -128 & 2**64 - 1, -512 & 2**64 - 1
_COMMON = """\
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

"""
FORMATS = {
    "mm_page_alloc": f"name: mm_page_alloc\nID: {ALLOC}\nformat:\n{_COMMON}"
    "\tfield:unsigned long pfn;\toffset:8;\tsize:8;\tsigned:0;\n"
    "\tfield:unsigned int order;\toffset:16;\tsize:4;\tsigned:0;\n"
    "\tfield:unsigned long gfp_flags;\toffset:24;\tsize:8;\tsigned:0;\n"
    "\tfield:int migratetype;\toffset:32;\tsize:4;\tsigned:1;\n",
    "mm_page_free": f"name: mm_page_free\nID: {FREE}\nformat:\n{_COMMON}"
    "\tfield:unsigned long pfn;\toffset:8;\tsize:8;\tsigned:0;\n"
    "\tfield:unsigned int order;\toffset:16;\tsize:4;\tsigned:0;\n",
}
_IP, _TID, _TIME, _CHAIN, _CPU, _PERIOD, _RAW = 1, 2, 4, 32, 128, 256, 1024


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<IHH", kind, 0, 8 + len(body)) + body


def text(value: str) -> bytes:
    padded = value.encode() + b"\0"
    return padded + bytes(-len(padded) % 8)


def tracing_data(kallsyms: str = "") -> bytes:
    parts = [b"\x17\x08Dtracing0.6\0", b"\0\x08", struct.pack("<I", 4096)]
    for name in (b"header_page", b"header_event"):
        parts += [name + b"\0", struct.pack("<Q", 3), b"abc"]
    parts += [struct.pack("<I", 0), struct.pack("<I", 1), b"kmem\0", struct.pack("<I", 2)]
    for form in FORMATS.values():
        parts += [struct.pack("<Q", len(form)), form.encode()]
    parts += [struct.pack("<I", len(kallsyms)), kallsyms.encode(), struct.pack("<IQ", 0, 0)]
    return b"".join(parts)


@dataclass
class PerfFile:
    """Collects records; :meth:`content` is the file."""

    chains: bool = False
    release: str = "6.12.1-test"
    kallsyms: str = ""
    build_id: str = ""
    records: list[bytes] = field(default_factory=list)

    @property
    def sample_type(self) -> int:
        return _IP | _TID | _TIME | _CPU | _PERIOD | _RAW | (_CHAIN if self.chains else 0)

    def _id(self, tid: int, time_ns: int, cpu: int = 0) -> bytes:
        return struct.pack("<IIQII", tid, tid, time_ns, cpu, 0)

    def sample(
        self,
        time_ns: int,
        raw: bytes,
        *,
        tid: int = 7,
        cpu: int = 0,
        chain: tuple[int, ...] = (),
    ) -> None:
        body = struct.pack("<QIIQIIQ", 0, tid, tid, time_ns, cpu, 0, 1)
        if self.chains:
            body += struct.pack(f"<Q{len(chain)}Q", len(chain), *chain)
        raw += bytes(-(len(raw) + 4) % 8)
        self.records.append(record(9, body + struct.pack("<I", len(raw)) + raw))

    def alloc(
        self,
        time_ns: int,
        pfn: int,
        *,
        order: int = 0,
        gfp: int = 0xCC0,
        flags: int = 0,
        depth: int = 1,
        **where: object,
    ) -> None:
        raw = struct.pack("<HBBi", ALLOC, flags, depth, 7)
        raw += struct.pack("<QI4xQi", pfn & 2**64 - 1, order, gfp, 1)
        self.sample(time_ns, raw, **where)

    def free(self, time_ns: int, pfn: int, *, order: int = 0, **where: object) -> None:
        raw = struct.pack("<HBBiQI", FREE, 0, 1, 7, pfn, order)
        self.sample(time_ns, raw, **where)

    def comm(self, time_ns: int, tid: int, name: str) -> None:
        body = struct.pack("<II", tid, tid) + text(name) + self._id(tid, time_ns)
        self.records.append(record(3, body))

    def fork(self, time_ns: int, tid: int, parent: int) -> None:
        body = struct.pack("<IIIIQ", tid, parent, tid, parent, time_ns)
        self.records.append(record(7, body + self._id(tid, time_ns)))

    def kernel(self, text_at: int) -> None:
        """Where the kernel's own code is mapped."""
        body = struct.pack("<IIQQQ", 2**32 - 1, 0, text_at, 1 << 25, text_at)
        self.records.append(record(1, body + text("[kernel.kallsyms]_text") + self._id(0, 0)))

    def _build_ids(self) -> bytes:
        found = b""
        for build_id, name in (("11" * 20, "[vdso]"), (self.build_id, "[kernel.kallsyms]")):
            body = struct.pack("<i20s4x", -1, bytes.fromhex(build_id)) + text(name)
            found += record(67, body)
        return found

    def lost(self, count: int) -> None:
        self.records.append(record(2, struct.pack("<QQ", 1, count) + self._id(0, 0)))

    def round(self) -> None:
        self.records.append(record(68, b""))

    def compress(self) -> None:
        """Replace the records so far by compressed ones that split them anywhere."""
        import zstandard

        whole = b"".join(self.records)
        stream = zstandard.ZstdCompressor().compressobj()
        pieces = []
        for at in range(0, len(whole), 100):
            inside = stream.compress(whole[at : at + 100])
            inside += stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            pieces.append(record(81, inside))
        self.records = pieces

    def content(self) -> bytes:
        attr = struct.pack("<IIQQQQQ", 2, 128, ALLOC, 1, self.sample_type, 0, 1 << 18)
        attr += bytes(128 - len(attr)) + struct.pack("<QQ", 0, 0)
        data_at = 104 + len(attr)
        data = b"".join(self.records)
        features = [tracing_data(self.kallsyms), struct.pack("<I", 64) + text(self.release)]
        if self.build_id:
            features.insert(1, self._build_ids())
        head = struct.pack("<8sQQ", b"PERFILE2", 104, len(attr))
        head += struct.pack("<6Q", 104, len(attr), data_at, len(data), 0, 0)
        head += struct.pack("<4Q", 1 << 1 | bool(self.build_id) << 2 | 1 << 4, 0, 0, 0)
        at = data_at + len(data) + 16 * len(features)
        table = b""
        for feature in features:
            table += struct.pack("<QQ", at, len(feature))
            at += len(feature)
        return head + attr + data + table + b"".join(features)
