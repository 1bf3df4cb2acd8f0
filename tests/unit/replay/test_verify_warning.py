"""Warnings against recorded kernel logs: printed, kept back, and the text of the report."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from buddysim.replay.verify_case import CaseResult
from buddysim.replay.verify_warning import check_warning

HEADER = "# buddysim-oracle 1\n# kernel: 6.12.117\n# HZ: 100\n"


@pytest.mark.parametrize("folder", ["warnings", "x86-warnings"])
def test_every_recording_comes_out(oracle_dir: Path, folder: str) -> None:
    results = [check_warning(path) for path in sorted((oracle_dir / folder).glob("*.gz"))]
    assert len(results) >= 4
    assert [result.first_divergence for result in results if not result.exact] == []


def small(folder: Path, body: str, log: str) -> CaseResult:
    path = folder / "small.oracle.gz"
    path.write_bytes(gzip.compress((HEADER + body).encode()))
    (folder / "small.dmesg.txt").write_text(log)
    return check_warning(path)


def test_nowarn_prints_nothing(tmp_path: Path) -> None:
    assert small(tmp_path, "A 1 10 2820 -1 24\nA 2 9 2820 -1 30\n", "").exact


def test_a_report_that_was_not_printed_is_a_difference(tmp_path: Path) -> None:
    result = small(tmp_path, "A 1 10 820 -1 24\n", "")
    assert not result.exact
    assert result.first_divergence is not None
    assert result.first_divergence["op"] == "messages"


def test_a_wrong_suppressed_count_is_named(tmp_path: Path) -> None:
    body = "A 1 0 820 -1 24\nA 2 0 820 -1 25\nA 3 0 820 -1 1100\n"
    line = "sh: page allocation failure: order:0, mode:0x820(GFP_ATOMIC), nodemask=(null)"
    log = f"[    0.240000] {line}\n[   11.000000] warn_alloc: 2 callbacks suppressed\n"
    result = small(tmp_path, body, log + f"[   11.000000] {line}\n")
    assert result.first_divergence is not None
    assert not result.exact


def tampered(oracle_dir: Path, folder: Path, name: str, edit: Callable[[str], str]) -> CaseResult:
    """A real recording of one boot with its log edited."""
    source = oracle_dir / "x86-warnings"
    for each in source.iterdir():
        shutil.copyfile(each, folder / each.name)
    log = folder / f"{name}.dmesg.txt"
    log.write_text(edit(log.read_text()))
    return check_warning(folder / f"{name}.jsonl.gz")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("order:4", "order:5"),
        ("GFP_ATOMIC", "GFP_NOWAIT"),
        ("free:772kB", "free:776kB"),
        ("min:128kB", "min:132kB"),
        ("present:15992kB", "present:15988kB"),
        ("lowmem_reserve[]: 0 81", "lowmem_reserve[]: 0 82"),
        ("1*512kB (U)", "1*512kB (M)"),
        ("65403 pages RAM", "65404 pages RAM"),
        ("local_pcp", "local_pages"),
    ],
)
def test_a_changed_log_is_a_difference(
    oracle_dir: Path, tmp_path: Path, old: str, new: str
) -> None:
    result = tampered(oracle_dir, tmp_path, "burst11", lambda text: text.replace(old, new))
    assert not result.exact


def test_a_report_moved_in_time_is_a_difference(oracle_dir: Path, tmp_path: Path) -> None:
    def later(text: str) -> str:
        return text.replace("[  220.39", "[  220.99")

    assert not tampered(oracle_dir, tmp_path, "edge10s", later).exact


def test_foreign_lines_in_a_dump_are_left_out(oracle_dir: Path, tmp_path: Path) -> None:
    def noisy(text: str) -> str:
        return text + "[   99.000000] sched: DL replenish lagged too much\n"

    assert tampered(oracle_dir, tmp_path, "burst11", noisy).exact


def test_missing_earlier_scripts_are_said(oracle_dir: Path, tmp_path: Path) -> None:
    for each in (oracle_dir / "x86-warnings").glob("burst100.*"):
        shutil.copyfile(each, tmp_path / each.name)
    result = check_warning(tmp_path / "burst100.jsonl.gz")
    assert result.exact
    assert result.notes == (
        "earlier scripts of the boot missing: first suppressed count taken over",
    )
