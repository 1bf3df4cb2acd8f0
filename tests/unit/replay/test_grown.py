"""Machines grown from what a trace shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.mm.machine import build_machine
from buddysim.mm.validate import validate_machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.grown import Survey, grown_spec, survey_of
from buddysim.source.open import open_trace
from buddysim.source.write import write_trace

ALLOC = "mm_page_alloc: page=1 pfn={pfn:#x} order={order} migratetype=1 gfp_flags=GFP_KERNEL"
FREE = "mm_page_free: page=1 pfn={pfn:#x} order={order}"
BATCHED = "mm_page_free_batched: page=1 pfn={pfn:#x} order={order}"
ROWS = [
    (FREE, 0x500, 3, 0),
    (ALLOC, 0x500, 0, 1),
    (FREE, 0x500, 0, 0),
    (ALLOC, 0x40010, 2, 3),
    (FREE, 0x40010, 2, 0),
    (BATCHED, 0x900, 0, 0),
    (FREE, 0x502, 0, 0),
    (FREE, 0x700, 0, 0),
]


def written(path: Path, rows: list[tuple[str, int, int, int]]) -> Path:
    head = " sh-1 [{cpu:03d}] .....  1.{n:06d}: "
    lines = [
        (head + event).format(cpu=cpu, n=n, pfn=pfn, order=order)
        for n, (event, pfn, order, cpu) in enumerate(rows)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


def test_what_is_freed_before_it_is_allocated_was_in_use(tmp_path: Path) -> None:
    path = written(tmp_path / "x.txt", ROWS)
    # 0x502 lies within the block at 0x500; the batched free is only a copy
    assert survey_of(open_trace(str(path))) == Survey(0x40010, 3, ((0x500, 3), (0x700, 0)))


def test_the_same_survey_whatever_the_batches(tmp_path: Path) -> None:
    rows = [(FREE if n % 3 else ALLOC, n * 7 % 1000 + 1, 0, 0) for n in range(70_000)]
    path = written(tmp_path / "x.txt", rows)
    seen: dict[int, bool] = {}
    for event, pfn, _, _ in rows:
        seen.setdefault(pfn, event is FREE)
    expected = tuple((pfn, 0) for pfn in sorted(seen) if seen[pfn])
    assert survey_of(open_trace(str(path))).freed_first == expected


def test_the_machine_reaches_as_far_as_the_trace(tmp_path: Path) -> None:
    spec = grown_spec(open_trace(str(written(tmp_path / "x.txt", ROWS))), "6.12")
    assert spec is not None
    assert spec.ncpus == 4
    assert spec.zones[-1].start_pfn + spec.zones[-1].spanned == 0x40010 // 32768 * 32768 + 32768
    machine = build_machine(spec)
    validate_machine(machine)
    assert [machine.is_free(pfn) for pfn in (0x4FF, 0x500, 0x507, 0x508, 0x700)] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert "2 blocks in use that it frees first" in spec.origin


@pytest.mark.parametrize("suffix", [".txt", ".bst"])
def test_pages_from_before_are_freed_where_they_were(tmp_path: Path, suffix: str) -> None:
    path = str(written(tmp_path / "x.txt", ROWS[:1] + ROWS[3:5]))
    if suffix == ".bst":
        write_trace(open_trace(path), str(tmp_path / "x.bst"))
        path = str(tmp_path / "x.bst")
    run = replay(open_trace(path), ReplayConfig())
    assert run.machine_origin.startswith("grown from the trace: 1.1G by its highest page, 1 block")
    assert run.reconciled == {"free_unknown": 1}
    assert run.totals.failed == 0


def test_one_damaged_number_does_not_make_a_machine_of_terabytes(tmp_path: Path) -> None:
    path = written(tmp_path / "x.txt", [*ROWS, (FREE, 1 << 50, 0, 0), (ALLOC, 1 << 40, 0, 0)])
    assert survey_of(open_trace(str(path))).highest_pfn == 0x40010


def test_a_file_that_grew_is_surveyed_again(tmp_path: Path) -> None:
    path = written(tmp_path / "x.txt", ROWS[:1])
    one = grown_spec(open_trace(str(path)), "6.12")
    two = grown_spec(open_trace(str(written(path, ROWS))), "6.12")
    assert one is not None
    assert two is not None
    assert (one.in_use, two.in_use) == (((0x500, 3),), ((0x500, 3), (0x700, 0)))


def test_a_trace_without_pages_tells_nothing(tmp_path: Path) -> None:
    kfree = "kfree: call_site=f+0x1c/0x90 ptr=0000000000000001"
    path = written(tmp_path / "x.txt", [(kfree, 0, 0, 0)])
    assert grown_spec(open_trace(str(path)), "6.12") is None
    run = replay(open_trace(str(path)), ReplayConfig())
    assert run.machine_origin == "1 GiB, every page free: the trace does not tell"
