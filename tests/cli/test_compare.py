"""``buddysim compare`` from outside: exit codes, streams, the document, what is shown."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from buddysim.cli.main import main

STORY = """\
@machine  mem=4M profile=6.12 min_free_kbytes=128
@caller   hoarder  context=process  on_failure=drop
@caller   late     context=softirq  on_failure=drop
@caller   leaks    context=process  on_failure=error:ENOMEM
0.001     leaks    begin t
+1us      leaks    alloc first gfp=GFP_KERNEL
+1us      leaks    alloc second gfp=GFP_KERNEL
+1us      leaks    end t ok
+1us      leaks    free second
+1us      leaks    free first
+1us      hoarder  alloc big gfp=GFP_KERNEL repeat=980
+1us      late     alloc rx gfp=GFP_ATOMIC repeat=40
"""
RAISED = "compare story.trace --set-b min_free_kbytes=1024 -q"


@pytest.fixture(autouse=True)
def _story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hoarder takes nearly everything; who comes late finds the reserve."""
    (tmp_path / "story.trace").write_text(STORY, encoding="utf-8")
    calm = STORY.replace("repeat=980", "repeat=10")
    (tmp_path / "calm.trace").write_text(calm, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def document(command: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    """The JSON that a command prints, alone on stdout."""
    assert main([*shlex.split(command), "--format", "json"]) == code
    told = capsys.readouterr()
    assert told.err == ""
    parsed: dict[str, Any] = json.loads(told.out)
    return parsed


def test_the_document_says_what_each_side_did(capsys: pytest.CaptureFixture[str]) -> None:
    told = document(RAISED, capsys)
    assert told["schema"] == "buddysim/compare/1"
    assert not told["same"]
    assert told["a"]["settings"] == []
    assert told["b"]["settings"] == ["min_free_kbytes=1024"]
    assert told["a"]["zones"][0]["min_pages"] == 32
    assert told["b"]["zones"][0]["min_pages"] == 256
    assert told["better"] == ["late"]
    assert told["worse"] == ["hoarder"]
    for side in ("a", "b"):
        totals = told[side]["allocations"]
        assert totals["succeeded"] + totals["failed_natural"] == totals["attempted"]


def test_numbers_are_those_of_two_replays(capsys: pytest.CaptureFixture[str]) -> None:
    told = document(RAISED, capsys)
    for side, options in (("a", ""), ("b", "--sysctl min_free_kbytes=1024")):
        alone = document(f"replay story.trace -q {options}", capsys, code=0)
        assert told[side]["digest"] == alone["digest"]
        assert told[side]["allocations"] == alone["allocations"]
        assert told[side]["vmstat"] == alone["vmstat"]
        failed = {row["caller"]: row["failed"] for row in alone["callers"]}
        for row in told["callers"]:
            assert row[side]["failed"] == failed[row["caller"]]
    rows = {(row["group"], row["name"]): row for row in told["numbers"]}
    for row in rows.values():
        assert row["change"] == round(row["b"] - row["a"], 4)
    assert rows["failures", "failed_natural"]["b"] == told["b"]["allocations"]["failed_natural"]


def test_the_first_divergence_names_the_line_and_both_outcomes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = document(RAISED, capsys)["first_divergence"]
    text = Path("story.trace").read_text(encoding="utf-8").splitlines()
    assert first["level"] == "result"
    assert first["a"]["caller"] in text[first["line"] - 1]
    assert (first["a"]["outcome"], first["b"]["outcome"]) == ("succeeded", "failed")
    assert (first["b"]["origin"], first["b"]["cause"]) == ("natural", "below-watermark")


@pytest.mark.parametrize("jobs", [1, 2])
def test_jobs_do_not_change_the_document(jobs: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert document(f"{RAISED} --jobs {jobs}", capsys) == document(RAISED, capsys)


def test_equal_sides_have_no_divergence(capsys: pytest.CaptureFixture[str]) -> None:
    told = document("compare story.trace story.trace -q", capsys)
    assert told["same"]
    assert told["first_divergence"] is None
    assert told["callers"] == told["findings_only_in_b"] == []
    assert {row["change"] for row in told["numbers"]} == {0}


def test_new_findings_in_b_decide_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    fault = "caller=leaks,nth=2"
    assert main(shlex.split(f"compare story.trace --set-b fault={fault} -q")) == 1
    assert "Findings only in B" in capsys.readouterr().out
    assert main(shlex.split(f"compare story.trace --fault {fault} --set-b fault=none -q")) == 0
    assert "BS102" in capsys.readouterr().out
    assert main(shlex.split(f"{RAISED} --fail-on note")) == 1


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("--profile-b 4.4", "profile", "4.4"),
        ("--set-b profile=4.4", "profile", "4.4"),
        ("--set-b seed=7", "seed", 7),
        ("--set-b mem=16M", "machine", "--mem 16M: every page free, as after boot"),
        ("--set-b fault=caller=leaks,nth=1", "profile", "6.12"),
    ],
)
def test_settings_of_b_are_honoured(
    setting: str, key: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    told = document(f"compare story.trace -q {setting}", capsys)
    assert told["b"][key] == value
    assert told["b"]["settings"] == [
        setting.replace("--profile-b 4.4", "--set-b profile=4.4").split()[-1]
    ]


def test_faults_of_both_sides_can_be_taken_from_b(capsys: pytest.CaptureFixture[str]) -> None:
    fault = "--fault caller=leaks,nth=1"
    told = document(f"compare story.trace -q {fault} --set-b fault=none", capsys)
    assert told["a"]["allocations"]["failed_injected"] == 1
    assert told["b"]["allocations"]["failed_injected"] == 0
    assert told["first_divergence"]["a"]["origin"] == "injected"


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--set-b nonsense=1",
        "--set-b seed=z",
        "--set-b mem=1",
        "--set-b min_free_kbytes",
        "--set-b min_free_kbytes=many",
        "--set-b fault=nonsense",
        "--set-b machine=absent.toml",
        "--profile-b 1.0",
        "--placement-b nowhere",
        "--placement-b recorded",
        "absent.trace",
        "callers.py",
        "--set-b seed=1 --format yaml",
        "--set-b seed=1 --jobs 0",
    ],
)
def test_bad_input_is_one_line_and_exit_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(f"compare story.trace {words} -q")) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("buddysim: ")
    assert told.err.count("\n") == 1


def test_ctrl_c_while_looking_for_the_event_leaves_the_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("buddysim.replay.comparison._other_result", interrupt)
    told = document(RAISED, capsys, code=130)
    assert told["interrupted"]
    assert not told["same"]
    assert told["b"]["allocations"]["failed_natural"] == 241


def test_a_file_gets_the_whole_text(tmp_path: Path) -> None:
    target = tmp_path / "difference.txt"
    assert main([*shlex.split(RAISED), "-o", str(target)]) == 0
    assert "First request with another result" in target.read_text(encoding="utf-8")
