"""Recordings made inside real kernels: scripts with their results and full state snapshots.

Two formats, one stream of steps: ``*.oracle.gz`` (text, one zone, user-mode Linux) and
``*.jsonl.gz`` (JSON Lines, x86-64 with zones and nodes).  Steps are small tuples so that millions
of operations stay cheap; their first element is a :class:`Op`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from buddysim.errors import TraceError
from buddysim.mm.state import PcpState, ZoneState

__all__ = ["Op", "OracleCase", "Snapshot", "Step", "open_oracle", "read_snapshots"]


class Op(IntEnum):
    """What a step does.  The tuple of each kind: (op, line, ...) as noted."""

    ALLOC = 0  # id, order, gfp, pfn, node (-1 = local), extra: jiffies or ns or None
    FREE = 1  # id
    SNAP = 2  # Snapshot
    FILL = 3  # first id, order, gfp, limit, got, pfns | None
    FREE_FILL = 4  # ids in order, or None for "all that the fill took"
    FREE_ALL = 5  # descending?
    DRAIN = 6  # all cpus?
    BULK = 7  # first id, gfp, asked, pfns
    SPLIT_FREE = 8  # id
    CPU = 9  # cpu
    FREE_MOD = 10  # modulus, remainder
    OTHER = 11  # the raw operation: not about page placement


Step = tuple[Any, ...]


@dataclass(frozen=True)
class Snapshot:
    """All zones at one moment.  ``full``: with lists; else only ``nr_free`` counts."""

    zones: tuple[ZoneState, ...]
    full: bool
    nr_free: tuple[tuple[int, ...], ...] = ()
    zonelists: dict[int, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    pageblock_order: int = 9
    kswapd_failures: tuple[int, ...] = ()
    vm_events: dict[str, int] = field(default_factory=dict)
    """Event counters since boot, zero ones left out; empty where not recorded."""
    cpu: int = 0
    """The cpu that ran the script when the snapshot was taken."""


@dataclass
class OracleCase:
    """One recording.  ``steps()`` is a single pass."""

    path: Path
    set: str
    name: str
    kernel: str
    """Profile name: ``6.1`` or ``6.12``."""
    pageblock_order: int
    x86: bool
    meta: dict[str, Any]
    _lines: Iterator[tuple[int, str]]

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order.  Raises TraceError."""
        reader = _json_steps if self.x86 else _text_steps
        return reader(self)

    def bad(self, line: int, found: str, expected: str) -> TraceError:
        """A TraceError about one line of this recording."""
        return TraceError(found, path=str(self.path), line=line, expected=expected)


def _numbered(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            yield from enumerate(stream, 1)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise TraceError(f"cannot read recording: {error}", path=str(path)) from None


def open_oracle(path: Path) -> OracleCase:
    """Open a recording and read its header.  Raises TraceError."""
    lines = _numbered(path)
    first = next(lines, (0, ""))[1]
    if first.startswith("# buddysim-oracle 1"):
        return _open_text(path, lines)
    if first.startswith('{"op":"meta"') or first.startswith('{"op": "meta"'):
        return _open_json(path, first, lines)
    raise TraceError(
        "not a recording of the oracle",
        path=str(path),
        line=1,
        expected="'# buddysim-oracle 1' or a JSON line with op meta",
    )


def _open_text(path: Path, lines: Iterator[tuple[int, str]]) -> OracleCase:
    meta: dict[str, Any] = {}
    rest: tuple[int, str] | None = None
    for number, line in lines:
        if not line.startswith("#"):
            rest = (number, line)
            break
        key, _, value = line[1:].partition(":")
        meta[key.strip()] = value.strip()
    return OracleCase(
        path=path,
        set=path.parent.name,
        name=path.name.removesuffix(".oracle.gz"),
        kernel="6.1" if str(meta.get("kernel", "")).startswith("6.1.") else "6.12",
        pageblock_order=int(meta.get("pageblock_order", 9)),
        x86=False,
        meta=meta,
        _lines=_chain(rest, lines),
    )


def _chain(
    first: tuple[int, str] | None, lines: Iterator[tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    if first is not None:
        yield first
    yield from lines


def _open_json(path: Path, first: str, lines: Iterator[tuple[int, str]]) -> OracleCase:
    try:
        meta = json.loads(first)
    except json.JSONDecodeError as error:
        raise TraceError(f"bad JSON: {error.msg}", path=str(path), line=1) from None
    return OracleCase(
        path=path,
        set=meta.get("set", path.parent.name),
        name=meta.get("name", path.name.removesuffix(".jsonl.gz")),
        kernel="6.12",
        pageblock_order=9,
        x86=True,
        meta=meta,
        _lines=lines,
    )


def read_snapshots(folder: Path) -> tuple[list[Snapshot], bool]:
    """The snapshots taken with a system-wide trace, in order, and whether it ran on x86.

    ``folder`` holds ``snapshots.txt.gz`` or ``snapshots.jsonl.gz``; neither: an empty list.
    Raises TraceError for a damaged file.
    """
    text = folder / "snapshots.txt.gz"
    if text.is_file():
        case = OracleCase(text, folder.name, folder.name, "6.12", 9, False, {}, _numbered(text))
        return [step[2] for step in case.steps() if step[0] == Op.SNAP], False
    lines = folder / "snapshots.jsonl.gz"
    if not lines.is_file():
        return [], False
    case = OracleCase(lines, folder.name, folder.name, "6.12", 9, True, {}, _numbered(lines))
    return [step[2] for step in case.steps() if step[0] == Op.SNAP], True


# Text recordings.


def _text_steps(case: OracleCase) -> Iterator[Step]:
    reader = _TextReader(case)
    for number, line in case._lines:
        words = line.split()
        word = words[0] if words else ""
        if word == "snap" and len(words) > 1:
            yield from reader.finish()
            yield from reader.read(number, word, words[:1])
            words = words[1:]
            word = words[0]
        try:
            if reader.snap is not None and word not in _SNAP_WORDS:
                yield from reader.finish()
            if word == "a":
                yield (
                    Op.ALLOC,
                    number,
                    int(words[1]),
                    int(words[2]),
                    int(words[3], 16),
                    int(words[4]),
                    -1,
                    None,
                )
            elif word == "f":
                yield Op.FREE, number, int(words[1])
            elif word:
                yield from reader.read(number, word, words)
        except (ValueError, IndexError, KeyError):
            raise case.bad(number, repr(line[:60].strip()), "a statement of the format") from None
    yield from reader.finish()


_MAX_ORDER = 10
_SNAP_WORDS = frozenset({"zone", "pcp", "pcplist", "free", "pageblocks", "nr_free"})


class _TextReader:
    """The rarer statements of a text recording; collects snapshot lines until they end."""

    def __init__(self, case: OracleCase) -> None:
        self.case = case
        self.snap: dict[str, Any] | None = None

    def read(self, number: int, word: str, words: list[str]) -> Iterator[Step]:
        """Steps that a line completes."""
        if word in _SNAP_WORDS:
            self._collect(number, word, words)
        elif word in {"snap", "snapz"}:
            self.snap = {"line": number, "full": word == "snap", "free": [], "lists": []}
        elif word == "A":
            yield (
                Op.ALLOC,
                number,
                int(words[1]),
                int(words[2]),
                int(words[3], 16),
                int(words[4]),
                -1,
                int(words[5]),
            )
        elif word == "F":
            yield (
                Op.FILL,
                number,
                -1,
                int(words[1]),
                int(words[2], 16),
                int(words[3]),
                int(words[4]),
                None,
            )
        elif word == "U":
            yield Op.FREE_FILL, number, None
        elif word == "freeall":
            yield Op.FREE_ALL, number, False
        elif word == "drain":
            yield Op.DRAIN, number, True
        elif word in {"noirq", "fault", "nth", "sleep"}:
            yield Op.OTHER, number, word, words[1:]
        else:
            raise self.case.bad(number, f"unknown statement {word!r}", "a statement of the format")

    def _collect(self, number: int, word: str, words: list[str]) -> None:
        if self.snap is None:
            raise self.case.bad(number, f"{word!r} outside a snapshot", "snap or snapz before it")
        if word in {"zone", "pcp", "pageblocks"}:
            self.snap[word] = words
        elif word == "free":
            order = int(words[1])
            if not 0 <= order <= _MAX_ORDER:
                raise self.case.bad(number, f"order {order}", "0 to 10")
            self.snap["free"].append((order, int(words[2]), tuple(map(int, words[3:]))))
        elif word == "pcplist":
            self.snap["lists"].append((divmod(int(words[1]), 3), tuple(map(int, words[2:]))))
        else:
            self.snap.setdefault("nr_free", {})[int(words[1])] = int(words[2])

    def finish(self) -> Iterator[Step]:
        """The snapshot collected so far, if any."""
        snap, self.snap = self.snap, None
        if snap is not None:
            zone = _text_zone(snap, self.case.pageblock_order)
            counts = snap.get("nr_free", {})
            yield (
                Op.SNAP,
                snap["line"],
                Snapshot(
                    zones=(zone,),
                    full=snap["full"],
                    nr_free=(tuple(counts.get(order, 0) for order in range(11)),),
                    pageblock_order=self.case.pageblock_order,
                ),
            )


def _pairs(words: list[str]) -> dict[str, int]:
    return {name: int(value) for name, value in zip(words[::2], words[1::2], strict=False)}


def _text_zone(snap: dict[str, Any], block_order: int) -> ZoneState:
    words = snap["zone"]
    zone = _pairs(words[2 : words.index("lowmem_reserve")])
    pcp = _pairs(snap["pcp"][1:])
    boost = zone["boost"]
    pageblocks = tuple(map(int, snap["pageblocks"][1:])) if "pageblocks" in snap else ()
    return ZoneState(
        node=0,
        name=words[1],
        zone_index=2,
        start_pfn=zone["start"],
        spanned=zone["spanned"],
        present=zone["spanned"],
        managed=zone["managed"],
        free=zone["free"],
        mark_min=zone["min"] - boost,
        mark_low=zone["low"] - boost,
        mark_high=zone["high"] - boost,
        mark_promo=zone["promo"],
        boost=boost,
        nr_reserved_highatomic=zone["highatomic"],
        free_highatomic=zone["free_highatomic"],
        free_lists=tuple(snap["free"]),
        pageblocks=pageblocks,
        pcp=(_pcp_state(pcp, tuple(snap["lists"])),),
        movable=_assumed_movable(snap, zone["start"], pageblocks, block_order),
    )


def _assumed_movable(
    snap: dict[str, Any], start: int, pageblocks: tuple[int, ...], block_order: int
) -> tuple[tuple[int, int], ...]:
    """Pages taken to be on an LRU, which text recordings do not tell.

    Assumption: in a partly free MOVABLE pageblock, what is in use at the start is user memory or
    page cache.  Only the claim heuristic's estimate (fact sheet 6.3) reads it.
    """
    free: set[int] = set()
    for order, _, pfns in snap["free"]:
        for pfn in pfns:
            free.update(range(pfn, pfn + (1 << order)))
    for (order, _), pfns in snap["lists"]:
        for pfn in pfns:
            free.update(range(pfn, pfn + (1 << order)))
    runs: list[tuple[int, int]] = []
    size = 1 << block_order
    touched = {pfn >> block_order for pfn in free}
    for block in sorted(touched):
        index = block - (start >> block_order)
        if index < len(pageblocks) and pageblocks[index] == 1:
            runs.extend(
                (pfn, 1) for pfn in range(block * size, block * size + size) if pfn not in free
            )
    return tuple(runs)


def _pcp_state(pcp: dict[str, int], lists: tuple[Any, ...]) -> PcpState:
    return PcpState(
        count=pcp["count"],
        batch=pcp["batch"],
        high=pcp["high"],
        high_min=pcp["high_min"],
        high_max=pcp["high_max"],
        alloc_factor=pcp["alloc_factor"],
        free_count=pcp["free_count"],
        flags=pcp["flags"],
        lists=lists,
    )


# JSON Lines recordings.

_CLASS_OF_ZIDX = (0, 1, 2, 4)
"""Recorded lowmem_reserve columns (DMA, DMA32, Normal, Movable) in our zone numbering."""


def _json_steps(case: OracleCase) -> Iterator[Step]:
    for number, line in case._lines:
        if not line.strip():
            continue
        try:
            op = json.loads(line)
            yield _json_step(number, op)
        except (ValueError, KeyError, TypeError):
            raise case.bad(number, repr(line[:60].strip()), "an operation of the format") from None


def _json_step(number: int, op: dict[str, Any]) -> Step:
    name = op["op"]
    if name in {"a", "a_softirq"}:
        extra = None if name == "a" else "softirq"
        return (
            Op.ALLOC,
            number,
            op["id"],
            op["order"],
            int(op["gfp"], 16),
            op["pfn"],
            op.get("node", -1),
            extra,
        )
    if name == "f":
        return Op.FREE, number, op["id"]
    if name == "sf":
        return Op.SPLIT_FREE, number, op["id"]
    if name in {"snap", "snapz"}:
        return Op.SNAP, number, _json_snapshot(op, full=name == "snap")
    if name == "fill":
        return (
            Op.FILL,
            number,
            op["id"],
            op["order"],
            int(op["gfp"], 16),
            op["max"],
            op["got"],
            op.get("pfns"),
        )
    if name == "bulk":
        return Op.BULK, number, op["id"], int(op["gfp"], 16), op["n"], op["pfns"]
    if name == "free_mod":
        return Op.FREE_MOD, number, op["mod"], op["rem"]
    if name == "free_rand":
        return Op.FREE_FILL, number, op["ids"]
    if name == "freeall":
        return Op.FREE_ALL, number, op["dir"] == "down"
    if name in {"drain", "drain_local"}:
        return Op.DRAIN, number, name == "drain"
    if name == "cpu":
        return Op.CPU, number, op.get("cpu", op.get("to", 0))
    return Op.OTHER, number, name, op


def _json_snapshot(op: dict[str, Any], *, full: bool) -> Snapshot:
    zonelists = {
        node["node"]: tuple(
            (int(entry.split(":")[0]), entry.split(":")[1]) for entry in node["zonelist"]
        )
        for node in op.get("nodes", [])
    }
    return Snapshot(
        zones=tuple(_json_zone(zone) for zone in op["zones"]),
        full=full,
        nr_free=tuple(tuple(zone.get("nr_free", ())) for zone in op["zones"]),
        zonelists=zonelists,
        pageblock_order=op.get("pageblock_order", 9),
        vm_events=op.get("vm_events", {}),
        cpu=op.get("cpu", 0),
        kswapd_failures=tuple(node.get("kswapd_failures", 0) for node in op.get("nodes", [])),
    )


def _json_zone(zone: dict[str, Any]) -> ZoneState:
    reserve = [0] * 5
    for column, pages in zip(_CLASS_OF_ZIDX, zone["lowmem_reserve"], strict=False):
        reserve[column] = pages
    reserve[3] = reserve[2]
    flags = zone["zone_flags"]
    return ZoneState(
        node=zone["node"],
        name=zone["zone"],
        zone_index=zone["zidx"],
        start_pfn=zone["start_pfn"],
        spanned=zone["spanned"],
        present=zone["present"],
        managed=zone["managed"],
        free=zone["nr_free_pages"],
        mark_min=zone["wmark_min"],
        mark_low=zone["wmark_low"],
        mark_high=zone["wmark_high"],
        mark_promo=zone["wmark_promo"],
        boost=zone["watermark_boost"],
        nr_reserved_highatomic=zone["nr_reserved_highatomic"],
        free_highatomic=zone["nr_free_highatomic"],
        free_cma=zone["nr_free_cma"],
        lowmem_reserve=tuple(reserve),
        free_diff=tuple(zone["free_diff"]),
        stat_threshold=zone["stat_threshold"],
        boosted_flag=bool(flags & 1),
        reclaim_active=bool(flags & 2),
        below_high=bool(flags & 4),
        cma_pages=zone["cma_pages"],
        free_lists=tuple(
            (order, migratetype, tuple(pfns))
            for order, migratetype, pfns in zone.get("free_lists", ())
        ),
        pageblocks=tuple(
            migratetype for migratetype, blocks in zone["pageblocks"] for _ in range(blocks)
        ),
        pcp=tuple(_pcp_of_json(pcp) for pcp in zone["pcp"]),
        movable=tuple((first, pages) for first, pages in zone.get("lru", ())),
        free_counts=tuple(
            (order, migratetype, blocks)
            for order, migratetype, blocks in zone.get("free_counts", ())
        ),
    )


def _pcp_of_json(pcp: dict[str, Any]) -> PcpState:
    lists = tuple(((order, mt), tuple(pfns)) for order, mt, pfns in pcp.get("lists", ()))
    return _pcp_state(pcp, lists)
