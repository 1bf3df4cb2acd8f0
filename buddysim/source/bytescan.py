"""The byte-level steps of the scanners: find, number, time, hash, binary fields.

Interpreted, each step is one or two calls of ``bytes`` methods.  Compiled, the scanners use the
inline functions of the same names and meaning in ``bytescan.pxd``; ``tests/parity`` compares them.
Positions are offsets into ``data``; ``end`` is exclusive.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from mmap import mmap
from typing import TypeAlias

__all__ = [
    "NO_NUMBER",
    "Block",
    "count_lines",
    "filler_at",
    "find_byte",
    "find_field",
    "find_key",
    "find_piece",
    "find_separator",
    "first_byte",
    "frames_end",
    "parse_number",
    "parse_time",
    "prefetch",
    "read_i64",
    "read_u16",
    "read_u32",
    "read_u64",
    "remember_field",
    "remember_piece",
    "same_bytes",
    "skip_blanks",
    "sort_rows",
    "user_frames",
    "word_start",
]

Block: TypeAlias = bytes | mmap
"""What is scanned: read, or mapped."""

NO_NUMBER = -2
"""Result of :func:`parse_number` and :func:`parse_time` for text that is none."""

_FRAMES = re.compile(rb"(?:(?:\t| ?=>)[^\n]*\n)*")
_USER_MARKER = (-512 & 2**64 - 1).to_bytes(8, "little")
"""PERF_CONTEXT_USER."""
_NOT_BLANK = re.compile(rb" *")
_SCALE = tuple(10 ** (9 - digits) for digits in range(10))
_TIME_LIMIT = 9 * 10**18
_MOST_SECOND_DIGITS = 18


def find_byte(data: bytes, byte: int, pos: int, end: int) -> int:
    """Offset of the first ``byte`` in [pos, end), or -1."""
    return data.find(byte, pos, end)


def find_separator(data: bytes, pos: int, end: int) -> int:
    """Offset of the first colon followed by a blank in [pos, end), or -1."""
    return data.find(b": ", pos, end)


def word_start(data: bytes, pos: int, end: int) -> int:
    """Offset behind the last blank before ``end``, or ``pos`` when there is none."""
    at = data.rfind(b" ", pos, end) + 1
    return at if at else pos


def skip_blanks(data: bytes, pos: int, end: int) -> int:
    """Offset of the first byte in [pos, end) that is not a blank, or ``end``."""
    match = _NOT_BLANK.match(data, pos, end)
    return match.end() if match else pos


def find_key(data: bytes, key: bytes, pos: int, end: int) -> int:
    """Offset behind the four-byte ``key`` (``pfn=``) in [pos, end), or -1."""
    at = data.find(key, pos, end)
    return at + 4 if at >= 0 else -1


def frames_end(data: bytes, pos: int, end: int) -> int:
    """Offset behind the run of whole call-chain lines that begins at ``pos``."""
    match = _FRAMES.match(data, pos, end)
    return match.end() if match else pos


def count_lines(data: bytes, pos: int, end: int) -> int:
    """Line ends in [pos, end)."""
    return data.count(b"\n", pos, end)


def parse_number(data: bytes, pos: int, end: int, base: int) -> int:
    """``0x1f`` or digits of ``base`` (10 or 16) as a signed 64-bit value, or NO_NUMBER."""
    text = data[pos:end]
    if not text.isalnum():
        return -1 if text == b"-1" else NO_NUMBER
    if text[:2] == b"0x":
        text = text[2:]
        base = 16
    if len(text) > (16 if base == 16 else 19):
        return NO_NUMBER
    try:
        value: int = int(text, base)
    except ValueError:
        return NO_NUMBER
    return value if value < 1 << 63 else value - (1 << 64)


def parse_time(data: bytes, pos: int, end: int) -> int:
    """``1800.509956`` (1 to 9 decimals) in ns; bare digits as they are (a raw clock); NO_NUMBER."""
    text = data[pos:end]
    dot = text.find(b".")
    if dot < 0:
        return int(text) if text.isdigit() and len(text) <= _MOST_SECOND_DIGITS else NO_NUMBER
    digits = text[:dot] + text[dot + 1 :]
    decimals = len(text) - dot - 1
    if not digits.isdigit() or not 1 <= decimals <= 9 or not 1 <= dot <= _MOST_SECOND_DIGITS:
        return NO_NUMBER
    time_ns = int(digits) * _SCALE[decimals]
    return time_ns if time_ns < _TIME_LIMIT else NO_NUMBER


def find_piece(index: dict[bytes, int], slots: array[int], data: Block, pos: int, end: int) -> int:
    """Number under which the bytes [pos, end) were remembered, or -1.

    Interpreted, ``index`` is the table.  Compiled, ``slots`` is: open addressing over pairs of a
    64-bit hash, which stands for the bytes, and the number (2**15 pieces collide with probability
    below 1e-10).
    """
    return index.get(data[pos:end], -1)


def remember_piece(  # keywords would not inline in the compiled build
    index: dict[bytes, int],
    slots: array[int],
    data: Block,
    pos: int,
    end: int,
    number: int,  # keyword arguments would not inline in the compiled build
) -> None:
    """Make :func:`find_piece` return ``number`` for these bytes."""
    index[data[pos:end]] = number


def first_byte(block: Block) -> Block:
    """Where a block's bytes begin: compiled, their address, which is good while the block is."""
    return block


def prefetch(data: Block, pos: int, size: int) -> None:
    """Ask for bytes that will be read soon, or for nothing: they need not be there."""


def read_u16(data: Block, pos: int) -> int:
    """Little-endian unsigned 16-bit value at ``pos``."""
    return data[pos] | data[pos + 1] << 8


def read_u32(data: Block, pos: int) -> int:
    """Little-endian unsigned 32-bit value at ``pos``."""
    return int.from_bytes(data[pos : pos + 4], "little")


def read_i64(data: Block, pos: int) -> int:
    """Little-endian signed 64-bit value at ``pos``."""
    return int.from_bytes(data[pos : pos + 8], "little", signed=True)


def read_u64(data: Block, pos: int) -> int:
    """Little-endian unsigned 64-bit value at ``pos``."""
    return int.from_bytes(data[pos : pos + 8], "little")


def filler_at(data: Block, pos: int, end: int) -> int:
    """Offset of the first of the 64-bit words in [pos, end) that is 0 or all ones, or ``end``."""
    words = array("q", data[pos:end])
    if 0 not in words and -1 not in words:
        return end
    return pos + 8 * min(words.index(word) for word in (0, -1) if word in words)


def user_frames(data: Block, pos: int, end: int) -> int:
    """Offset of the marker before the user's frames in addresses [pos, end), or ``end``."""
    at = data.find(_USER_MARKER, pos, end)
    while at >= 0 and (at - pos) % 8:
        at = data.find(_USER_MARKER, at + 1, end)
    return at if at >= 0 else end


def sort_rows(  # keywords would not inline in the compiled build
    times: array[int],
    ranks: array[int] | None,
    done: int,
    count: int,
    order: array[int],
    scratch: array[int],
) -> bool:
    """Bring rows into stable order of time: ``order[:count]``, of which ``done`` are in order.

    Rows of one time come in order of their ``ranks`` (16 bits), if there are any.  False when the
    rows from ``done`` on are in order as they stand, behind those before.  Rows mostly are a few
    sorted runs, one a cpu: merging those is O(rows * log(runs)), and of the rows before only those
    are touched that are newer than the oldest of the others.
    """
    new: list[int] = times[done:count].tolist()
    key: Callable[[int], int] = times.__getitem__
    if ranks is not None:
        new = [time << 16 | rank for time, rank in zip(new, ranks[done:count], strict=True)]
        key = partial(_time_and_rank, times, ranks)
    if new == sorted(new) and (not done or not new or key(order[done - 1]) <= new[0]):
        order[done:count] = array("I", range(done, count))
        return False
    first = bisect_right(order, min(new), 0, done, key=key)
    rows = [*order[first:done], *range(done, count)]
    order[first:count] = array("I", sorted(rows, key=key))
    return True


def same_bytes(data: Block, one: int, two: int, size: int) -> bool:
    """Are ``size`` bytes at two offsets the same?"""
    return data[one : one + size] == data[two : two + size]


def _time_and_rank(times: array[int], ranks: array[int], row: int) -> int:
    return times[row] << 16 | ranks[row]


def find_field(  # keywords would not inline in the compiled build
    index: dict[bytes, int], slots: array[int], salt: int, data: Block, pos: int, end: int
) -> int:
    """As :func:`find_piece`, among the pieces remembered with ``salt`` (below 256)."""
    return index.get(bytes((salt,)) + data[pos:end], -1)


def remember_field(  # keywords would not inline in the compiled build
    index: dict[bytes, int],
    slots: array[int],
    salt: int,
    data: Block,
    pos: int,
    end: int,
    number: int,
) -> None:
    """Make :func:`find_field` return ``number`` for these bytes."""
    index[bytes((salt,)) + data[pos:end]] = number
