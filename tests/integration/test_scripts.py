"""The shipped scripts say what their comments promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.findings.registry import find_all, find_allowed
from buddysim.findings.verdict import Verdict, verdicts
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.source.open import open_trace

TRACES = Path(__file__).resolve().parents[2] / "traces"


def _run(name: str, **options: object) -> RunResult:
    return replay(open_trace(str(TRACES / name)), ReplayConfig(**options))


def _planted() -> dict[str, tuple[str, int]]:
    """code -> (caller, line of the fault): the caller's name says which finding it earns."""
    lines = (TRACES / "rogues.trace").read_text(encoding="utf-8").splitlines()
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) > 2 and words[0][0] in "+0123456789" and words[1].startswith("bs"):
            found.setdefault(words[1][:5].upper(), (words[1], number))
    return found


def test_rogues_earn_exactly_the_planted_findings() -> None:
    run = _run("rogues.trace")
    findings = find_all(run)
    planted = _planted()
    assert {(each.code, each.caller) for each in findings} == {
        (code, caller) for code, (caller, _) in planted.items()
    }
    assert len(findings) == len(planted) == 25
    lines = (TRACES / "rogues.trace").read_text(encoding="utf-8").splitlines()
    for finding in findings:
        told = lines[finding.evidence[0].line - 1]
        assert finding.caller in told, finding
        assert not told.startswith("@")
        assert finding.name.replace("-", "_") == finding.caller[6:]


def test_rogues_point_at_the_line_of_the_fault() -> None:
    lines = (TRACES / "rogues.trace").read_text(encoding="utf-8").splitlines()
    first = {each.code: each.evidence[0].line for each in find_all(_run("rogues.trace"))}
    assert lines[first["BS101"] - 1].split()[2:] == ["use", "a101"]
    assert lines[first["BS103"] - 1].split()[2:] == ["free", "b103"]
    assert lines[first["BS104"] - 1].split()[2:] == ["use", "b104"]
    assert lines[first["BS105"] - 1].split()[2:] == ["free", "b105", "order=1"]
    assert lines[first["BS201"] - 1].split()[3] == "b201"


def test_citizens_cope_and_nothing_is_found() -> None:
    run = _run("citizens.trace")
    assert find_all(run) == []
    words = verdicts(run, [])
    assert set(words.values()) == {Verdict.HANDLES}
    assert len(words) == 17
    allowed = find_allowed(run)
    assert [(finding.code, finding.caller) for finding, _ in allowed] == [("BS106", "prefetches")]
    assert "line" in allowed[0][1]


def test_jumbo_frames_fail_for_fragmentation_with_plenty_free() -> None:
    run = _run("jumbo-frames.trace")
    assert run.totals.failed_by_cause == {"fragmented": 32}
    assert sum(zone.free_pages for zone in run.zones) > 8000
    assert find_all(run) == []


def test_ordinary_frames_survive_on_the_same_machine() -> None:
    run = _run("jumbo-frames-mtu1500.trace")
    assert run.totals.failed == 0
    assert [finding.code for finding in find_all(run)] == ["BS901"]


def test_atomic_fails_where_kernel_reclaims() -> None:
    run = _run("atomic-vs-kernel.trace")
    atomic, kernel = run.caller("atomic_burst"), run.caller("kernel_burst")
    assert atomic.attempted == kernel.attempted == 600
    assert atomic.failed > 200
    assert set(atomic.failed_by_cause) == {"below-watermark"}
    assert kernel.failed == 0
    assert run.vmstat["pgsteal_direct"] > 0


def test_nowarn_debate_shows_who_is_heard() -> None:
    run = _run("nowarn-debate.trace")
    assert run.warnings.by_caller == {"skb_page_frag_refill": 1, "heard_snapshot": 1}
    assert run.caller("broken_snapshot").suppressed == 1
    assert run.caller("mute_snapshot").nowarn == 1
    codes = {(finding.code, finding.caller) for finding in find_all(run)}
    assert codes == {
        ("BS301", "skb_page_frag_refill"),
        ("BS301", "alloc_large_table"),
        ("BS303", "skb_page_frag_refill"),
        ("BS107", "broken_snapshot"),
        ("BS107", "heard_snapshot"),
        ("BS302", "mute_snapshot"),
    }


def test_counters_reveal_what_the_log_hides() -> None:
    run = _run("nowarn-debate.trace", warn="counters")
    assert run.warnings.emitted == 0
    assert run.caller("broken_snapshot").failed == 1
    assert run.caller("mute_snapshot").failed == 1


@pytest.mark.parametrize("name", sorted(path.name for path in TRACES.glob("*.trace")))
def test_every_script_gives_the_same_digest_twice(name: str) -> None:
    assert _run(name).digest == _run(name).digest
