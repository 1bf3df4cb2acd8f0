"""``buddysim replay --what-if`` from outside: exit codes, the document, what is shown."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from buddysim.cli.main import main
from buddysim.replay.sweep import MAX_RUNS

STORY = """\
@machine  mem=4M profile=6.12 min_free_kbytes=128
@fill     order=0 gfp=GFP_USER|__GFP_MEMALLOC until_free=0 free=every2
@caller   nic   context=softirq  on_failure=drop
0.001     nic   alloc rx order=2 gfp=GFP_ATOMIC repeat=5
+1us      nic   alloc big order=3 gfp=GFP_ATOMIC repeat=5
"""
GOLDEN_80 = """\
Single pages instead of orders 2 and above: no failure remains (callers *)
story.trace: 10 events, profile 6.12, model placement, seed 0, 3 runs
machine: --mem 4M: every page free, as after boot

Failures by value ──────────────────────────────────────────────────────────────
split from order  remain                    natural  by cause
        now none      10  ████████████████       10  fragmented 10
               3       5  ████████                5  fragmented 5
               2       0  none                    0
note: a split request asks for as many single pages as its block had; each that
fails counts as one failure
"""
GOLDEN_160 = (
    "note: a split request asks for as many single pages as its block had; "
    "each that fails counts as one failure\n"
)


@pytest.fixture(autouse=True)
def _story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "story.trace").write_text(STORY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def document(words: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    """The JSON of a what-if, alone on stdout."""
    command = f"replay story.trace -q --format json --what-if {words}"
    assert main(shlex.split(command)) == code
    told = capsys.readouterr()
    assert told.err == ""
    parsed: dict[str, Any] = json.loads(told.out)
    return parsed


def test_the_text_at_80_and_160_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for width, expected in ((80, GOLDEN_80), (160, GOLDEN_160)):
        monkeypatch.setenv("COLUMNS", str(width))
        assert main(shlex.split("replay story.trace --what-if order -q")) == 0
        out = capsys.readouterr().out
        assert expected in out
        assert max(map(len, out.splitlines())) <= width


def test_the_document_of_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    told = document("order:nic", capsys)
    assert told["schema"] == "buddysim/what-if/1"
    assert (told["knob"], told["caller"], told["unit"]) == ("least_split_order", "nic", "order")
    assert (told["now"], told["found"], told["last_failing"]) == (4, 2, 3)
    assert [row["failed_natural"] for row in told["curve"]] == [10, 5, 0]
    assert told["curve"][0]["failed_by_cause"] == {"fragmented": 10}
    assert told["monotone"]
    assert told["trace"]["events"] == 10


def test_no_value_suffices_is_said_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    told = document("min_free_kbytes", capsys)
    assert told["found"] is None
    assert told["fewest_remaining"] == 10
    assert told["tried"]["runs"] == len(told["curve"]) <= MAX_RUNS
    assert main(shlex.split("replay story.trace -q --what-if min_free_kbytes")) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("No value of vm.min_free_kbytes suffices: at least 10 failures remain")


def test_a_range_bounds_the_values(capsys: pytest.CaptureFixture[str]) -> None:
    told = document("min_free_kbytes=64..512 --jobs 2", capsys)
    assert (told["tried"]["low"], told["tried"]["high"]) == (64, 512)
    assert {row["value"] % 4 for row in told["curve"]} == {0}


def test_jobs_do_not_change_the_curve_of_orders(capsys: pytest.CaptureFixture[str]) -> None:
    assert document("order --jobs 1", capsys) == document("order --jobs 3", capsys)


def test_settings_hold_for_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    told = document("order --mem 8M --seed 3 --fault caller=nic,nth=1", capsys)
    assert told["machine"].startswith("--mem 8M")
    assert told["seed"] == 3
    assert all(row["failed_injected"] == 1 for row in told["curve"])
    assert any("injected" in note for note in told["notes"])


@pytest.mark.parametrize(
    "words",
    [
        "--what-if nonsense",
        "--what-if order:nobody",
        "--what-if mem=9M",
        "--what-if mem --live",
        "--what-if mem --html page.html",
        "--what-if mem --svg page.svg",
        "--what-if mem --fail-on note",
        "--what-if mem --jobs 0",
        "--jobs 2",
    ],
)
def test_bad_input_is_one_line_and_exit_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(f"replay story.trace -q {words}")) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("buddysim: ")
    assert told.err.count("\n") == 1


def test_python_callers_are_sent_where_they_belong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split("replay callers.py --what-if mem")) == 2
    assert "buddysim run" in capsys.readouterr().err


def test_ctrl_c_leaves_the_curve_so_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from buddysim.replay import sweep

    runs = []

    def interrupted(value: int, run: object) -> object:
        runs.append(value)
        if len(runs) == 3:
            raise KeyboardInterrupt
        return told_of(value, run)  # type: ignore[arg-type]  # passed on as it comes

    told_of = sweep._trial
    monkeypatch.setattr(sweep, "_trial", interrupted)
    told = document("min_free_kbytes --jobs 1", capsys, code=130)
    assert told["interrupted"]
    assert len(told["curve"]) == 2
    assert told["now"] in [row["value"] for row in told["curve"]]
    assert told["machine"]
    runs.clear()
    assert main(shlex.split("replay story.trace -q --jobs 1 --what-if min_free_kbytes")) == 130
    assert capsys.readouterr().out.startswith("Interrupted after 2 runs")


def test_a_recordings_own_failures_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    traces = Path(__file__).resolve().parents[2] / "traces"
    path = traces / "tcp-stack-6.12" / "trace.txt.zst"
    assert main(["replay", str(path), "-q", "--format", "json", "--what-if", "order"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["found"] == told["now"]
    assert any("as recorded" in note for note in told["notes"])
