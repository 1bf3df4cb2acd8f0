"""Documents appear whole or not at all; devices and pipes stay what they are."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from buddysim.cli._output import write_whole
from buddysim.errors import ConfigError


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    write_whole(target, "new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_pipe_is_written_into_and_stays_a_pipe(tmp_path: Path) -> None:
    target = tmp_path / "pipe"
    os.mkfifo(target)
    reader = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(target, "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(target.stat().st_mode)


def test_a_folder_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "missing" / "report.json"):
        with pytest.raises(ConfigError, match="cannot write"):
            write_whole(target, "text")
    assert list(tmp_path.iterdir()) == []
