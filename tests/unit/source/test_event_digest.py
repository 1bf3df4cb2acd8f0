"""One number for a trace's events, whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable

from buddysim.source.event import EventBatch, EventKind, Tables
from buddysim.source.event_digest import EventDigest

ROW = {"time_ns": 5_000, "cpu": 1, "order": 2, "pfn": 64, "gfp": 0xCC0, "caller": 1, "task": 1}


def digest(
    rows: Iterable[dict[str, int]], callers: tuple[str, ...] = ("?", "a"), cut: int = 99
) -> str:
    """Of rows handed over in batches of at most ``cut``."""
    taker = EventDigest(Tables(callers=list(callers), tasks=["?", "t-1"], names=["x", "y"]))
    batch = EventBatch()
    for row in rows:
        told = dict(row)
        batch.append(told.pop("kind", int(EventKind.ALLOC)), **told)
        if len(batch) == cut:
            taker.take(batch)
            batch = EventBatch()
    taker.take(batch)
    return taker.finish()


ROWS = [{**ROW, "pfn": number} for number in range(7)]


def test_batches_do_not_matter() -> None:
    assert digest(ROWS) == digest(ROWS, cut=1) == digest(ROWS, cut=3)


def test_every_counted_column_matters() -> None:
    other = {"kind": 1, "time_ns": 6_000, "cpu": 0, "order": 3, "pfn": 65, "gfp": 1, "aux": 1}
    changed = [digest([{**ROW, name: value}]) for name, value in {**other, "task": 0}.items()]
    changed += [digest([{**ROW, "migratetype": 1}]), digest([ROW], callers=("?", "b"))]
    assert len({digest([ROW]), *changed}) == 1 + len(changed)


def test_order_matters_and_so_does_a_missing_row() -> None:
    assert digest(ROWS) != digest(ROWS[::-1])
    assert digest(ROWS) != digest(ROWS[1:])


def test_names_count_and_not_their_numbers() -> None:
    renumbered = [{**row, "caller": 2} for row in ROWS]
    assert digest(ROWS) == digest(renumbered, callers=("?", "else", "a"))


def test_what_only_some_formats_have_is_left_out() -> None:
    assert digest([{**ROW, "time_ns": 5_999, "context": 8, "stack": 3, "line": 9}]) == digest([ROW])
    noise = (
        {"kind": int(EventKind.LOST), "time_ns": 0},
        {"kind": int(EventKind.OTHER), "time_ns": 1},
    )
    assert digest([noise[0], *ROWS[:3], noise[1], *ROWS[3:]], cut=4) == digest(ROWS)
