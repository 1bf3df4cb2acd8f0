"""What is left of a raw line of a log."""

from __future__ import annotations

import pytest

from buddysim.source.kernel_log_prefix import split_line


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\0\0\0[   12.000001] Normal free:9096kB\r\n", "Normal free:9096kB"),
        (b"[   12.000001] Normal free:9\x00096kB\n", "Normal free:9 096kB"),
        (b"[   12.000001] Normal free:9\r096kB\0\0\n", "Normal free:9 096kB"),
        ("[   12.000001] Normal free:9096kB".encode("utf-16-le"), "Normal free:9096kB"),
    ],
    ids=["around", "in a number", "carriage return in a number", "16 bits"],
)
def test_holes_part_words_unless_characters_are_wide(raw: bytes, text: str) -> None:
    (line,) = split_line(raw, 1)
    assert line.text == text
    assert line.time == "12.000001"
