"""Verify: exact on shipped recordings, and it notices planted bugs where they first show."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from buddysim.cli.main import main
from buddysim.errors import InputError, TraceError
from buddysim.mm.machine import Machine
from buddysim.replay.verify import find_cases, verify
from buddysim.replay.verify_buddy import check_buddy
from buddysim.source.oracle import open_oracle

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "oracle"
CASES = sorted(CORPUS.rglob("*.gz"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_every_pfn_and_the_end_state_are_exact(path: Path) -> None:
    result = check_buddy(open_oracle(path))
    assert result.exact, result.first_divergence
    assert result.pfn_checked == result.pfn_exact > 2000


def wrong_list_end(machine: Machine) -> None:
    for zone in machine.zones:
        zone.tail_rule = False


def min_instead_of_low(machine: Machine) -> None:
    for zone in machine.zones:
        zone.mark_low = zone.mark_min


def refill_off_by_one(machine: Machine) -> None:
    for zone in machine.zones:
        for cpu in range(zone.nr_cpus):
            zone.pcp_batch[cpu] += 1


@pytest.mark.parametrize(
    ("bug", "name"),
    [
        (wrong_list_end, "buddy-exact-pb9/high-order-calm-256M-0.oracle.gz"),
        (min_instead_of_low, "x86-buddy-exact/x3z256-pressure-all-210.jsonl.gz"),
        (refill_off_by_one, "buddy-exact-pb9/all-orders-256M-0.oracle.gz"),
    ],
)
def test_a_planted_bug_is_found_and_the_first_difference_named(
    bug: Callable[[Machine], None], name: str
) -> None:
    result = check_buddy(open_oracle(CORPUS / name), bug)
    assert not result.exact
    first = result.first_divergence
    assert first is not None
    assert first["line"] > 0
    assert first["expected"] != first["got"]


def test_the_verb_reports_and_exits_by_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(CORPUS / "buddy-exact-6.1"), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "buddysim/verify/1"
    assert document["total"]["cases"] == document["total"]["exact"] == 1
    case = document["cases"][0]
    assert set(case["end_state"]) == {"free_lists", "pageblocks", "pcp", "nr_free"}
    assert case["first_divergence"] is None


def test_nothing_to_verify_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TraceError, match="no such file"):
        list(find_cases(tmp_path / "absent"))
    with pytest.raises(TraceError, match="no recording found"):
        list(verify([tmp_path]))
    assert main(["verify", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_damaged_recordings_are_told_in_one_line(tmp_path: Path) -> None:
    whole = (CORPUS / "buddy-exact-pb9" / "all-orders-256M-0.oracle.gz").read_bytes()
    cut = tmp_path / "cut.oracle.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TraceError, match=r"cut\.oracle\.gz"):
        check_buddy(open_oracle(cut))
    garbage = tmp_path / "garbage.oracle.gz"
    garbage.write_bytes(b"not gzip at all")
    with pytest.raises(TraceError, match=r"garbage\.oracle\.gz"):
        open_oracle(garbage)


@pytest.mark.slow
def test_the_whole_oracle_is_exact(oracle_dir: Path) -> None:
    wrong = [f"{case.set}/{case.case}" for case in verify([oracle_dir]) if not case.exact]
    assert wrong == []


@pytest.mark.parametrize(
    ("found", "replaced"),
    [
        ("free 10 1 ", "free 10 1 1 "),
        ("free 10 1 ", "free 10 1 99999999744 "),
        ("free 3 0 ", "free 3 0 228000 228000 "),
        ("free 3 0 ", "free 33 0 "),
    ],
)
def test_a_snapshot_that_contradicts_itself_is_bad_input(
    tmp_path: Path, found: str, replaced: str
) -> None:
    text = gzip.decompress((CORPUS / "buddy-exact-pb9/all-orders-256M-0.oracle.gz").read_bytes())
    assert found.encode() in text
    damaged = tmp_path / "damaged.oracle.gz"
    damaged.write_bytes(gzip.compress(text.replace(found.encode(), replaced.encode(), 1)))
    with pytest.raises(InputError):
        check_buddy(open_oracle(damaged))
