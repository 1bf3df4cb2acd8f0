"""``buddysim lesson`` as people use it: on a terminal, through a pipe, for programs."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

_START = "import sys; from buddysim.cli.main import main; sys.exit(main())"
COMMAND = [sys.executable, "-c", _START, "lesson"]
ENVIRONMENT = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A process on a pseudo-terminal."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=ENVIRONMENT,
            close_fds=True,
        )
        os.close(slave)
        self.text = ""

    def wait_for(self, words: str, seconds: float = 30) -> str:
        """Read until ``words`` appear; what came since the last call."""
        end = time.monotonic() + seconds
        fresh = ""
        while words not in fresh:
            if not select.select([self.master], [], [], max(end - time.monotonic(), 0))[0]:
                raise AssertionError(f"{words!r} did not come; last: {fresh[-400:]!r}")
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"ended before {words!r}; last: {fresh[-400:]!r}")
            fresh += _ESCAPES.sub("", data.decode(errors="replace"))
        self.text += fresh
        return fresh

    def press(self, key: str) -> None:
        os.write(self.master, key.encode())

    def close(self) -> int:
        status = self.process.wait(30)
        os.close(self.master)
        return status


def piped(*arguments: str, keys: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], input=keys, capture_output=True, text=True, timeout=60, check=False
    )


def test_step_walks_on_a_terminal_key_by_key() -> None:
    terminal = Terminal("buddies", "--step")
    assert "split" in terminal.wait_for("order 9, 8, 7, 6, 5, 4")
    terminal.press("\r")
    assert "alloc b" in terminal.wait_for("because")
    terminal.press("b")
    assert "alloc a" in terminal.wait_for("because")
    terminal.press("q")
    assert terminal.close() == 0


def test_quiz_hides_the_outcome_asks_reveals_and_counts() -> None:
    terminal = Terminal("fragmentation", "--quiz", "--questions", "2")
    question = terminal.wait_for("injected")
    assert "Question 1 of 2" in question
    assert "because" not in question
    terminal.press("?")
    terminal.wait_for("Press one of")
    terminal.press("w")
    assert "because" in terminal.wait_for("points")
    terminal.wait_for("Question 2 of 2")
    terminal.press("f")
    terminal.wait_for("Score: 4 of 4 points (100 %)")
    assert terminal.close() == 0


def test_live_plays_on_a_terminal_until_q() -> None:
    pytest.importorskip("textual", reason="comes with the live extra")
    terminal = Terminal("buddies", "--live")
    terminal.wait_for("pageblocks")
    terminal.press("q")
    with contextlib.suppress(AssertionError):
        terminal.wait_for("what is never drawn")
    assert terminal.close() == 0


def test_step_works_through_a_pipe() -> None:
    done = piped("buddies", "--step", keys="\n" * 10)
    assert done.returncode == 0
    assert done.stdout.count("because") == 6
    assert "That was the last event." in done.stdout


def test_step_can_jump_to_the_next_failure() -> None:
    done = piped("fragmentation", "--step", keys="f\nq\n")
    assert "failed: fragmented" in done.stdout


def test_quiz_ends_with_its_input_and_says_the_score() -> None:
    done = piped("fragmentation", "--quiz", keys="w\n")
    assert done.returncode == 0
    assert "Score: 2 of 2 points" in done.stdout


def test_quiz_takes_a_trace_of_ones_own(tmp_path: Path) -> None:
    trace = tmp_path / "own.trace"
    trace.write_text("@machine mem=16M\n0.0 me alloc a order=2 gfp=GFP_KERNEL\n")
    done = piped(str(trace), "--quiz", keys="w\n")
    assert "me: alloc a order=2" in done.stdout
    assert "Score: 2 of 2 points (100 %)" in done.stdout


def test_without_a_name_the_lessons_are_listed() -> None:
    done = piped()
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[:10]] == [
        str(number) for number in range(1, 11)
    ]


def test_a_lesson_is_shown_with_its_claims() -> None:
    done = piped("jumbo")
    assert done.returncode == 0
    assert done.stdout.count("holds ") == 3
    assert "FAILS" not in done.stdout


def test_faults_can_be_walked_through() -> None:
    done = piped("injection", "--step", "--fault", "nth:1", keys="q\n")
    assert "failed: injected" in done.stdout


def test_a_lesson_can_be_written_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "lesson.txt"
    done = piped("buddies", "-o", str(target))
    assert (done.returncode, done.stdout) == (0, "")
    assert "Lesson 1" in target.read_text()
    assert "\x1b" not in target.read_text()


def test_json_is_one_document() -> None:
    listed = json.loads(piped("--format", "json").stdout)
    assert listed["schema"] == "buddysim/lesson/1"
    assert len(listed["lessons"]) == 10
    played = json.loads(piped("buddies", "--format", "json").stdout)
    assert all(claim["holds"] for claim in played["claims"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("flod",), "one of buddies"),
        (("buddies", "--step", "--quiz"), "one of them"),
        (("buddies", "--format", "xml"), "rich or json"),
        (("buddies", "--seed", "3"), "about its own machine"),
        (("buddies", "--step", "--format", "json"), "need the screen"),
        (("--quiz",), "no lesson named"),
        (("buddies", "--questions", "3"), "--questions without --quiz"),
        (("buddies", "--live", "--events", "3"), "--events without --step or --quiz"),
        (("buddies", "-o", "/nowhere/at/all"), "cannot write"),
    ],
)
def test_bad_usage_is_told_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    done = piped(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
