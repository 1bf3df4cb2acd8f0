"""``buddysim explain`` from the outside: documents, exit status, stdin."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from buddysim.cli.main import main

LOG = Path(__file__).resolve().parents[1] / "corpus" / "dmesg" / "rx-refill.txt"
OOM = "sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(LOG), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "buddysim/explain/1"
    (report,) = document["reports"]
    assert report["lines"][0] == 1
    assert report["cause"] == "fragmented"
    assert report["verdict"] == "harmless"
    assert report["zones"][0]["blocks"] == [1000, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert all(advice["replayed"] in {True, False} for advice in report["advice"])


def test_the_verdict_stands_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(LOG)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("HARMLESS")
    assert any("tried" in line and "order 1" in line for line in lines)


def test_markdown_is_fenced(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(LOG), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.count("```") == 2


def test_summary_of_logs_fails_when_anything_is_harmful(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = tmp_path / "killed.log"
    killed.write_text(OOM, encoding="utf-8")
    assert main(["explain", "--summary", str(LOG), str(killed)]) == 1
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3
    assert main(["explain", "--summary", str(killed)]) == 1


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LOG.read_bytes())))
    assert main(["explain"]) == 0
    assert capsys.readouterr().out.startswith("stdin: 1 report(s)")


def test_the_guide_needs_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--guide"]) == 0
    assert "lowmem_reserve" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "no-such.log"],
        ["explain", str(LOG), "--format", "xml"],
        ["explain", str(LOG), "--profile", "9.x"],
    ],
)
def test_bad_usage_exits_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().out == ""
