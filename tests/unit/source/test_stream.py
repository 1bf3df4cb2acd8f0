"""Decompression by magic, and one-line errors for what cannot be read."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest
import zstandard

from buddysim.errors import TraceError
from buddysim.source.stream import BLOCK_BYTES, open_stream

TEXT = b"".join(b"line %d of a file larger than one block\n" % n for n in range(60_000))

COMPRESSORS = {
    "": lambda data: data,
    "gzip": gzip.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": zstandard.ZstdCompressor(write_content_size=False).compress,
}


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def read(path: str) -> bytes:
    with open_stream(path) as stream:
        return b"".join(stream.blocks())


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_blocks_join_to_the_file_whatever_its_name(tmp_path: Path, compression: str) -> None:
    path = write(tmp_path / "misnamed.bin", COMPRESSORS[compression](TEXT))
    with open_stream(path) as stream:
        blocks = list(stream.blocks())
    assert b"".join(blocks) == TEXT
    assert stream.compression == compression
    assert max(map(len, blocks)) <= BLOCK_BYTES


@pytest.mark.parametrize("compression", ["gzip", "xz", "zstd"])
def test_concatenated_members_are_one_file(tmp_path: Path, compression: str) -> None:
    pack = COMPRESSORS[compression]
    padding = b"" if compression == "zstd" else bytes(8)
    path = write(tmp_path / "two", pack(b"first\n") + padding + pack(b"second\n") + padding)
    assert read(path) == b"first\nsecond\n"


def test_zstd_with_a_window_of_2_to_the_27_is_read(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    chunks = compressor.compressobj()
    data = chunks.compress(TEXT) + chunks.flush()
    assert read(write(tmp_path / "wide.zst", data)) == TEXT


@pytest.mark.parametrize("compression", ["gzip", "xz", "zstd"])
def test_cut_compression_is_an_error_that_says_where(tmp_path: Path, compression: str) -> None:
    data = COMPRESSORS[compression](TEXT)
    with pytest.raises(TraceError, match=f"{compression} data cut or damaged") as caught:
        read(write(tmp_path / "cut", data[: len(data) // 2]))
    assert "\n" not in str(caught.value)
    assert "--salvage" in str(caught.value)


@pytest.mark.parametrize("compression", ["gzip", "xz", "zstd"])
def test_flipped_byte_in_compression_is_an_error(tmp_path: Path, compression: str) -> None:
    data = bytearray(COMPRESSORS[compression](TEXT))
    data[len(data) // 3] ^= 0xFF
    with pytest.raises(TraceError, match="damaged"):
        read(write(tmp_path / "flipped", bytes(data)))


def test_directory_missing_and_empty_files_are_one_line_errors(tmp_path: Path) -> None:
    for path, found in (
        (str(tmp_path), "is a directory"),
        (str(tmp_path / "none"), "cannot be opened: No such file"),
        (write(tmp_path / "empty", b""), "is empty"),
        ("bad\0name", "cannot be opened"),
    ):
        with pytest.raises(TraceError, match=found):
            open_stream(path)
