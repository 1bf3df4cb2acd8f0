"""Who held the pages when a request failed, and who stood where its block could have been."""

from __future__ import annotations

from pathlib import Path

from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.failure_row import FailureRow, Holding
from buddysim.replay.outcome import RunResult
from buddysim.source.open import open_trace

TRACES = Path(__file__).resolve().parents[3] / "traces"
EVERY_SECOND = """\
@machine  mem=16M profile=6.12
@fill     order=0 gfp=GFP_USER|__GFP_MEMALLOC until_free=0 free=every2
@caller   rx   context=softirq  on_failure=drop
0.000100  rx   alloc b0 order=2 gfp=GFP_ATOMIC
"""


def run(folder: Path, text: str, **options: object) -> RunResult:
    path = folder / "x.trace"
    path.write_text(text, encoding="ascii")
    return replay(open_trace(str(path)), ReplayConfig(**options))


def hogged(folder: Path) -> FailureRow:
    """One caller takes everything in single pages and gives back every fourth."""
    lines = ["@machine mem=16M profile=6.12"]
    lines += [f"@caller {name} on_failure=drop" for name in ("hog", "rx")]
    asked = "order=0 gfp=GFP_USER|__GFP_MEMALLOC"
    lines += [f"0.{n:09d} hog alloc h{n} {asked}" for n in range(1, 4097)]
    lines += [f"0.{n + 5000:09d} hog free h{n}" for n in range(1, 4097, 4)]
    lines += ["0.1 rx alloc b order=2 gfp=GFP_ATOMIC|__GFP_NOWARN"]
    (row,) = [row for row in run(folder, "\n".join(lines) + "\n").failures if row.caller == "rx"]
    return row


def test_pages_from_before_the_trace_are_told_apart(tmp_path: Path) -> None:
    (row,) = run(tmp_path, EVERY_SECOND).failures
    assert row.cause == "fragmented"
    assert row.holders == (Holding("(before the trace)", 2048),)
    # two of the four pages of each place are in use
    assert row.in_the_way == (Holding("(before the trace)", 64, 32),)


def test_a_caller_in_the_way_is_named(tmp_path: Path) -> None:
    row = hogged(tmp_path)
    assert row.cause == "fragmented"
    assert row.holders[0] == Holding("hog", 3072)
    assert sum(holding.pages for holding in row.holders) + row.zones[0].free == 4096
    (near,) = row.in_the_way
    assert (near.caller, near.blocks) == ("hog", 32)
    assert 1 <= near.pages / near.blocks <= 3


def test_the_largest_holders_come_first() -> None:
    rows = replay(open_trace(str(TRACES / "nowarn-debate.trace")), ReplayConfig()).failures
    assert any(row.holders for row in rows)
    for row in rows:
        assert list(row.holders) == sorted(row.holders, key=lambda each: (-each.pages, each.caller))
        assert all(holding.pages > 0 for holding in row.holders)


def test_a_dma_request_counts_only_the_dma_zone(tmp_path: Path) -> None:
    text = "@machine mem=128M profile=6.12\n@caller a on_failure=drop\n@caller b on_failure=drop\n"
    text += "".join(f"0.{n:06d} a alloc n{n} order=3 gfp=GFP_KERNEL\n" for n in range(1, 20))
    asked = "order=10 gfp=__GFP_DMA|__GFP_NOWARN"
    text += "".join(f"0.{n + 100:06d} b alloc d{n} {asked}\n" for n in range(1, 8))
    rows = run(tmp_path, text).failures
    assert rows[0].caller == "b"
    assert "a" not in {holding.caller for holding in rows[0].holders}
    assert max(holding.pages for holding in rows[0].holders if holding.caller == "b") <= 3840


def test_the_work_is_bounded(tmp_path: Path) -> None:
    more = "".join(f"+1us rx alloc c{n} order=2 gfp=GFP_ATOMIC\n" for n in range(100))
    rows = run(tmp_path, EVERY_SECOND + more).failures
    looked = [bool(row.holders) for row in rows]
    assert looked == [True] * 64 + [False] * 37
