"""Fault injection against recordings, real ones and small ones written here."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.replay.verify_fault import check_fault

HEADER = """# buddysim-oracle 1
# kernel: 6.12.117
# capability: fail_page_alloc
# attributes: probability=100 interval={interval} times={times} space=0 {gates}
# times_after: {after}
# space_after: 0
"""
GATES = "min-order=0 ignore-gfp-wait=N ignore-gfp-highmem=N"


def recording(
    folder: Path, body: str, *, interval: int = 1, times: int = -1, after: int = -1
) -> Path:
    path = folder / "attr.oracle.gz"
    text = HEADER.format(gates=GATES, interval=interval, times=times, after=after) + body
    path.write_bytes(gzip.compress(text.encode()))
    return path


@pytest.mark.parametrize("folder", ["fault-injection", "x86-fault-injection"])
def test_every_recording_comes_out(oracle_dir: Path, folder: str) -> None:
    suffixes = (".oracle.gz", ".jsonl.gz", ".jsonl")
    files = [
        each for each in sorted((oracle_dir / folder).iterdir()) if each.name.endswith(suffixes)
    ]
    results = [check_fault(path) for path in files]
    assert len(results) > 40
    assert [result.first_divergence for result in results if not result.exact] == []


def test_calls_outside_make_it_fail_pass(tmp_path: Path) -> None:
    body = "a 0 0 cc0 100\nfault 1\na 1 0 cc0 -1\nfault 0\na 2 0 cc0 101\n"
    assert check_fault(recording(tmp_path, body)).exact


def test_the_first_wrong_call_is_named_with_the_counters(tmp_path: Path) -> None:
    body = "fault 1\na 0 0 cc0 -1\na 1 0 cc0 -1\na 2 0 cc0 -1\n"
    result = check_fault(recording(tmp_path, body, times=2, after=0))
    assert not result.exact
    assert result.first_divergence == {
        "line": 10,
        "op": "injected",
        "expected": True,
        "got": False,
        "state": {"times": 0, "space": 0, "count": 0, "left": 0},
    }


def test_an_unrecorded_interval_count_is_inferred_and_said(tmp_path: Path) -> None:
    body = "fault 1\na 0 0 cc0 -1\na 1 0 cc0 9\na 2 0 cc0 9\na 3 0 cc0 -1\n"
    result = check_fault(recording(tmp_path, body, interval=3))
    assert result.exact
    assert result.notes == ("interval count at the start: 2",)


def test_no_interval_count_explains_two_failures_in_a_row(tmp_path: Path) -> None:
    body = "fault 1\na 0 0 cc0 -1\na 1 0 cc0 -1\na 2 0 cc0 9\n"
    assert not check_fault(recording(tmp_path, body, interval=3)).exact


def test_wrong_times_afterwards_is_a_difference(tmp_path: Path) -> None:
    body = "fault 1\na 0 0 cc0 -1\n"
    result = check_fault(recording(tmp_path, body, times=3, after=3))
    assert result.first_divergence is not None
    assert result.first_divergence["op"] == "times afterwards"


def test_fail_nth_read_back(tmp_path: Path) -> None:
    exact = recording(tmp_path, "nth 5\na 0 0 cc0 9\na 1 0 cc0 9\nnth 3\n")
    assert check_fault(exact).exact
    wrong = recording(tmp_path, "nth 5\na 0 0 cc0 9\na 1 0 cc0 9\nnth 4\n")
    assert not check_fault(wrong).exact


def test_a_missing_message_is_a_difference(tmp_path: Path) -> None:
    body = "fault 1\na 0 0 cc0 -1\n"
    path = recording(tmp_path, body)
    text = gzip.decompress(path.read_bytes()).decode().replace("space=0", "space=0 verbose=1")
    path.write_bytes(gzip.compress(text.encode()))
    log = tmp_path / "attr.dmesg.txt"
    log.write_text(
        "[    1.000000] FAULT_INJECTION: forcing a failure.\n"
        "[    1.000000] name fail_page_alloc, interval 1, probability 100, space 0, times -1\n"
    )
    assert check_fault(path).exact
    log.write_text("[    1.000000] FAULT_INJECTION: forcing a failure.\n")
    assert not check_fault(path).exact


def test_system_calls_must_count_down_by_one(tmp_path: Path) -> None:
    path = tmp_path / "nth-syscalls.jsonl"
    rows = [
        {"syscall": "pipe", "nth": 1, "result": -23, "left": 0, "injected": True},
        {"syscall": "pipe", "nth": 2, "result": 0, "left": 1, "injected": False},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert check_fault(path).exact
    rows[1]["injected"] = True
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert not check_fault(path).exact


def test_a_slab_refill_uses_up_a_count_of_fail_nth(tmp_path: Path) -> None:
    path = tmp_path / "nth.jsonl.gz"
    rows: list[dict[str, object]] = [
        {"op": "meta", "capability": "fail-nth", "name": "nth", "gates": "open"},
        {"op": "fail_nth", "set": 4},
        {"op": "kmalloc", "id": 1, "size": 64, "gfp": "0xcc0", "ok": True},
        {"op": "a", "id": 2, "order": 0, "gfp": "0xcc0", "pfn": 9},
        {"op": "a", "id": 3, "order": 0, "gfp": "0xcc0", "pfn": -1},
        {"op": "fail_nth", "left": 0},
    ]
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    result = check_fault(path)
    assert result.exact
    assert result.notes == ("1 counts of fail-nth used up by slab refills",)


def test_damaged_recordings_are_trace_errors(tmp_path: Path) -> None:
    path = tmp_path / "x.oracle.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(TraceError):
        check_fault(path)
