"""How a story is played: what is skipped, what a retry waits for, what a reserve is."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import ConfigError
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.source.open import open_trace

_FRAGMENTED = (
    "@machine mem=16M min_free_kbytes=512\n"
    "@fill order=0 gfp=GFP_USER|__GFP_MEMALLOC until_free=0 free=every2\n"
)


def _run(folder: Path, text: str, **options: object) -> RunResult:
    path = folder / "s.trace"
    path.write_text(text, encoding="utf-8")
    return replay(open_trace(str(path)), ReplayConfig(**options))


def test_a_retry_works_once_kswapd_had_time(tmp_path: Path) -> None:
    text = (
        "@machine mem=16M min_free_kbytes=512\n@fill order=0 gfp=GFP_USER until_free=2100\n"
        "@reclaimable pages=2060\n@caller c context=softirq on_failure=retry:100:1000,drop\n"
        "1.0 c alloc a gfp=GFP_ATOMIC repeat=200\n+1s c free a\n"
    )
    run = _run(tmp_path, text)
    assert {each.resolution for each in run.story.episodes} == {"retried"}
    assert run.vmstat["pgsteal_kswapd"] > 0
    assert run.caller("c").live_pages == 0


def test_after_an_error_the_rest_of_the_transaction_is_skipped(tmp_path: Path) -> None:
    text = _FRAGMENTED + (
        "@caller c context=process on_failure=unwind,error:ENOMEM\n0.1 c begin t\n"
        "0.1 c alloc a gfp=GFP_NOFS\n0.1 c alloc b order=1 gfp=GFP_NOFS|__GFP_NORETRY\n"
        "0.1 c begin inner\n0.1 c alloc d gfp=GFP_NOFS\n0.1 c end inner ok\n0.1 c use b\n"
        "0.1 c end t ok\n0.1 c free a\n0.1 c alloc e gfp=GFP_NOFS\n0.1 c free e\n"
    )
    run = _run(tmp_path, text)
    assert [(fact.name, fact.status) for fact in run.story.transactions] == [("t", "ENOMEM")]
    assert run.story.skipped_operations == 6
    assert run.caller("c").attempted == 3


def test_a_nested_transaction_ends_alone(tmp_path: Path) -> None:
    text = _FRAGMENTED + (
        "@caller c context=process on_failure=error:ENOMEM\n0.1 c begin outer\n0.1 c begin inner\n"
        "0.1 c alloc b order=1 gfp=GFP_NOFS|__GFP_NORETRY\n0.1 c end inner ok\n"
        "0.1 c alloc d gfp=GFP_NOFS\n0.1 c free d\n0.1 c end outer ok\n"
    )
    run = _run(tmp_path, text)
    assert [(fact.name, fact.status) for fact in run.story.transactions] == [
        ("outer", "ok"),
        ("inner", "ENOMEM"),
    ]
    assert run.caller("c").succeeded == 1


def test_open_transactions_are_counted(tmp_path: Path) -> None:
    run = _run(tmp_path, _FRAGMENTED + "0.1 c begin t\n0.1 c alloc a\n")
    assert run.story.open_transactions == 1


def test_blocks_freed_in_pieces_merge_again(tmp_path: Path) -> None:
    lines = ["@machine mem=16M profile=4.4 min_free_kbytes=512", "0.1 c alloc a order=4"]
    lines += [f"0.2 c free a order=0 part={part}" for part in range(16)]
    run = _run(tmp_path, "\n".join(lines) + "\n")
    assert run.caller("c").live_pages == 0
    assert run.story.misuses == []


def test_a_fill_leaves_what_it_was_told_to(tmp_path: Path) -> None:
    fill = "@fill order=3 gfp=GFP_USER|__GFP_MEMALLOC until_free=1000\n"
    text = "@machine mem=16M\n" + fill + "0.1 c count x\n"
    run = _run(tmp_path, text)
    assert 992 < run.zones[0].free_pages <= 1000


def test_random_fills_depend_on_the_seed(tmp_path: Path) -> None:
    text = (
        "@machine mem=16M\n@fill order=0 gfp=GFP_USER|__GFP_MEMALLOC until_free=0 free=random:30\n"
        "0.1 c alloc a\n"
    )
    one, two, other = (_run(tmp_path, text, seed=seed) for seed in (1, 1, 2))
    assert one.digest == two.digest != other.digest
    assert 1000 < one.zones[0].free_pages < 1500


def test_zones_a_mask_may_not_use_are_named_as_the_cause(tmp_path: Path) -> None:
    text = (
        "@machine mem=96M\n@fill order=0 gfp=GFP_DMA|__GFP_MEMALLOC until_free=0\n"
        "@caller c context=softirq on_failure=drop\n0.1 c alloc a order=0 gfp=GFP_ATOMIC|GFP_DMA\n"
    )
    run = _run(tmp_path, text)
    assert run.totals.failed_by_cause == {"zone-restricted": 1}


def test_counters_and_drops_are_counted(tmp_path: Path) -> None:
    text = _FRAGMENTED + (
        "@caller c context=softirq on_failure=drop\n"
        "0.1 c alloc a order=1 gfp=GFP_ATOMIC repeat=3\n0.1 c count rx\n"
        "0.1 c expect c_dropped == 3 and rx == 1 and failed == 3\n"
    )
    run = _run(tmp_path, text)
    assert run.counters == {"c_dropped": 3, "rx": 1}
    assert run.story.violations == []


def test_a_bad_callers_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        _run(tmp_path, "0.1 c alloc a\n", callers_file=str(tmp_path / "none"))
