"""Ctrl-C, progress, ``--callers`` and repro lines of ``buddysim explore``, from outside."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from buddysim.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "buddysim"]
HEAD = "import errno\nfrom buddysim.caller import caller, every\n"
LONG = """
sent = [0]
@caller(transaction=True, trigger=every("1ms", times=3000))
def leaks(mm):
    sent[0] += 1
    first = mm.alloc_page()
    if first is None:
        return -errno.ENOMEM
    second = mm.alloc_page()
    if second is None:
        return -errno.ENOMEM
    mm.free_page(second)
    mm.free_page(first)
"""
PASSES_ON = """
@caller(transaction=True)
def opens(mm):
    page = mm.alloc_page()
    if page is None:
        return -errno.ENFILE
    mm.free_page(page)
"""


def scenario(tmp_path: Path, text: str) -> str:
    path = tmp_path / "scenario.py"
    path.write_text(HEAD + text)
    return str(path)


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def wait_for_children(pid: int) -> list[str]:
    deadline = time.monotonic() + 60
    while not children_of(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return children_of(pid)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_shows_what_is_known_and_leaves_no_process(jobs: str, tmp_path: Path) -> None:
    words = [*COMMAND, "explore", scenario(tmp_path, LONG), "--jobs", jobs, "--format", "json"]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        wait_for_children(running.pid)
        time.sleep(1)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"Traceback" not in err
    report = json.loads(out)
    assert report["interrupted"] is True
    assert 0 < report["coverage"]["runs"] < 12000
    assert [each["code"] for each in report["findings"]] == ["BS102"]
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)


def test_progress_is_told_on_a_terminal_with_the_time_left(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    words = [*COMMAND, "explore", scenario(tmp_path, PASSES_ON), "--format", "json"]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=slave, check=False)
    os.close(slave)
    told = os.read(master, 65536).decode()
    os.close(master)
    assert done.returncode == 0
    assert "exploring scenario.py: 2 of 2 runs, 0 s left" in told
    piped = subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    assert piped.stderr == b""
    assert piped.stdout == done.stdout


def test_declared_callers_count_for_scenarios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scenario(tmp_path, PASSES_ON)
    words = ["explore", path, "-q", "--fail-on", "warning", "--format", "json"]
    assert main(words) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [each["code"] for each in found] == ["BS108"]
    policy = tmp_path / "callers.toml"
    policy.write_text('[[caller]]\nglob = "open*"\nallow = { BS108 = "as pipes do" }\n')
    assert main([*words, "--callers", str(policy)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["findings"] == []
    assert report["callers"][0]["allow"] == {"BS108": "as pipes do"}
    policy.write_text('[[caller]]\nglob = "open*"\non_failure = "drop"\n')
    assert main([*words, "--callers", str(policy)]) == 2
    assert "written in Python" in capsys.readouterr().err
