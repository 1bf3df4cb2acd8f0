"""The scanner's primitive steps, on plain bytes."""

from __future__ import annotations

import struct
from array import array

import pytest

from buddysim.source import bytescan
from buddysim.source.bytescan import NO_NUMBER


@pytest.mark.parametrize(
    ("text", "base", "value"),
    [
        (b"0x1b8ae3", 10, 0x1B8AE3),
        (b"1804003", 10, 1804003),
        (b"00000000989065be", 16, 0x989065BE),
        (b"0xffffffffffffffff", 10, -1),
        (b"-1", 10, -1),
        (b"0xff1100010129c460", 16, 0xFF1100010129C460 - (1 << 64)),
        (b"", 10, NO_NUMBER),
        (b"0x", 10, NO_NUMBER),
        (b"0x1g", 10, NO_NUMBER),
        (b"12a", 10, NO_NUMBER),
        (b"1_0", 10, NO_NUMBER),
        (b"+1", 10, NO_NUMBER),
        (b"0x12345678901234567", 10, NO_NUMBER),
        (b"(nil)", 16, NO_NUMBER),
    ],
)
def test_numbers_are_read_strictly(text: bytes, base: int, value: int) -> None:
    assert bytescan.parse_number(b"<" + text + b">", 1, len(text) + 1, base) == value


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        (b"1800.509956", 1_800_509_956_000),
        (b"0.3", 300_000_000),
        (b"1932.651408123", 1_932_651_408_123),
        (b"1700000000.000001", 1_700_000_000_000_001_000),
        (b"7418812345", 7_418_812_345),
        (b"9000000000.0", NO_NUMBER),
        (b".5", NO_NUMBER),
        (b"5.", NO_NUMBER),
        (b"1.0000000001", NO_NUMBER),
        (b"1.2.3", NO_NUMBER),
        (b"1234567890123456789", NO_NUMBER),
        (b"1e3", NO_NUMBER),
        (b"", NO_NUMBER),
    ],
)
def test_times_are_read_strictly(text: bytes, ns: int) -> None:
    assert bytescan.parse_time(b"[" + text + b"]", 1, len(text) + 1) == ns


def test_seams_are_found_within_the_bounds_only() -> None:
    data = b"  sh-1 [0] 5.0: mm_x:   page=(nil) pfn=0x1 order=0\n"
    assert bytescan.find_byte(data, 10, 0, len(data)) == len(data) - 1
    assert bytescan.find_byte(data, 10, 0, len(data) - 1) == -1
    assert bytescan.find_separator(data, 0, len(data)) == 14
    assert bytescan.find_separator(data, 0, 15) == -1
    assert bytescan.word_start(data, 0, 14) == 11
    assert bytescan.word_start(data, 12, 14) == 12
    assert bytescan.skip_blanks(data, 21, len(data)) == 24
    assert bytescan.skip_blanks(data, 24, len(data)) == 24
    assert bytescan.find_key(data, b"pfn=", 24, len(data)) == 39
    assert bytescan.find_key(data, b"ptr=", 24, len(data)) == -1


def test_call_chain_lines_end_at_the_first_other_line() -> None:
    chain = b" => a\n=> b (ff)\n\tffff c+0x1 (k)\n"
    data = chain + b"next line\n => cut"
    assert bytescan.frames_end(data, 0, len(data)) == len(chain)
    assert bytescan.frames_end(data, len(chain), len(data)) == len(chain)
    assert bytescan.frames_end(data, len(data) - 7, len(data)) == len(data) - 7
    assert bytescan.count_lines(data, 0, len(chain)) == 3


def test_remembered_pieces_are_found_again() -> None:
    index: dict[bytes, int] = {}
    slots = array("Q", bytes(16 * 16))
    bytescan.remember_piece(index, slots, b"..piece..", 2, 7, 5)
    assert bytescan.find_piece(index, slots, b"piece", 0, 5) == 5
    assert bytescan.find_piece(index, slots, b"piece", 0, 4) == -1


def test_words_that_fill_up_a_call_chain_are_found() -> None:
    words = struct.pack("<4Q", 5, 2**64 - 1, 0, 2**63)
    data = b"..." + words
    assert [bytescan.read_u64(data, 3 + 8 * n) for n in range(4)] == [5, 2**64 - 1, 0, 2**63]
    assert bytescan.filler_at(data, 3, len(data)) == 11
    assert bytescan.filler_at(data, 19, len(data)) == 19
    assert bytescan.filler_at(data, 27, len(data)) == len(data)
    assert bytescan.filler_at(data, 3, 11) == 11
    assert bytescan.filler_at(data, 3, 3) == 3
