"""The line about several replays: on a terminal only, rewritten, and taken away."""

from __future__ import annotations

import io

import pytest

from buddysim.present import runs_progress
from buddysim.present.runs_progress import RunsProgress


class Terminal(io.StringIO):
    """A stderr that somebody looks at."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def told(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, quiet: bool = False) -> str:
    """What a short life of two runs writes."""
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(runs_progress, "_EVERY_S", 0.0)
    progress = RunsProgress("comparing", quiet=quiet, names=("A", "B"))
    progress.events(0, 65536)
    progress.events(1, 4096)
    progress.runs(1, 2)
    progress.close()
    return stream.getvalue()


def test_a_terminal_sees_both_sides_and_then_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(monkeypatch, Terminal())
    assert "comparing: A 65,536, B 4,096 events" in text
    assert "1 of at most 2 runs" in text
    assert text.endswith("\r\x1b[K")
    assert "\n" not in text


def test_nobody_else_sees_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, io.StringIO()) == ""
    assert told(monkeypatch, Terminal(), quiet=True) == ""
