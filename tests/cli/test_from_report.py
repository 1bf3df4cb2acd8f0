"""``replay --from-report``: going on from the state a kernel log describes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from buddysim.cli.main import main

TRACES = Path(__file__).resolve().parents[2] / "traces"
LOG = str(TRACES / "oom-6.12" / "dmesg.txt")


def test_the_machine_starts_as_short_of_memory_as_the_report_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = tmp_path / "next.trace"
    story.write_text(
        "@caller rx context=softirq on_failure=drop\n"
        "@caller kernel context=process on_failure=error:ENOMEM\n"
        "0.1 rx alloc b0 gfp=GFP_ATOMIC\n"
        "0.2 kernel alloc b1 gfp=GFP_KERNEL|__GFP_NORETRY\n"
    )
    main(["replay", str(story), "--from-report", LOG, "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert report["machine"].startswith("failure report of")
    failed = {row["caller"]: row["failed"] for row in report["callers"]}
    assert failed == {"rx": 0, "kernel": 1}
    assert report["zones"][0]["min_pages"] == 405


def test_a_log_that_tells_too_little_and_two_machines_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "dmesg.txt"
    log.write_text("swapper: page allocation failure. order:1, mode:0x20\n")
    story = str(TRACES / "citizens.trace")
    assert main(["replay", story, "--from-report", str(log)]) == 2
    assert main(["replay", story, "--from-report", str(tmp_path / "absent")]) == 2
    assert main(["replay", story, "--from-report", LOG, "--mem", "64M"]) == 2
    assert capsys.readouterr().err.count("\n") == 3
