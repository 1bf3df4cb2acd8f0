"""Real recordings, cut and flipped: rows or one line of complaint, never a traceback."""

from __future__ import annotations

import gzip
import json
import lzma
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from buddysim.cli.main import main
from buddysim.replay.engine import replay
from buddysim.source.event import EventBatch
from buddysim.source.open import open_trace
from buddysim.source.pack import PackedWriter
from buddysim.source.pack_layout import CHUNK_HEADER_BYTES, FILE_HEADER_BYTES, padded
from buddysim.source.stream import open_stream

TRACES = Path(__file__).resolve().parents[2] / "traces"
RECORDINGS = [
    "manyfiles-6.12/trace.txt.zst",
    "tcp-stack-6.12/trace.txt.zst",
    "workload-6.18/ftrace-stack.txt.zst",
    "workload-6.18/perf-script-callchain.txt.zst",
    "workload-6.18/tracecmd-fork-tcp.txt.zst",
]
LINES = 250
WOUNDS = 30
CHUNK_ROWS = 40


def beginning(name: str) -> bytes:
    """The first lines of a shipped recording."""
    lines = open_stream(str(TRACES / name)).head.splitlines(keepends=True)
    assert len(lines) > LINES
    return b"".join(lines[:LINES])


def wounded(content: bytes, seed: int) -> Iterator[bytes]:
    """Cut at many places, flipped in many, and both."""
    chance = Random(seed)
    for number in range(WOUNDS):
        yield content[: len(content) * number // WOUNDS]
        flipped = bytearray(content)
        for _ in range(chance.randrange(1, 5)):
            flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        yield bytes(flipped)
        yield bytes(flipped[: chance.randrange(len(content))])


def inspected(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    """The document of ``inspect``, or nothing after one line of complaint."""
    status = main(["inspect", str(path), "-q", "--format", "json", *words])
    told = capsys.readouterr()
    if status:
        assert status == 2
        assert told.out == ""
        assert told.err.startswith("buddysim: ")
        assert told.err.count("\n") == 1
        return {}
    document: dict[str, object] = json.loads(told.out)
    return document


@pytest.mark.parametrize("name", RECORDINGS)
def test_text(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x"
    whole = beginning(name)
    path.write_bytes(whole)
    events = inspected(path, capsys)["events"]
    assert isinstance(events, int)
    usable = 0
    for content in wounded(whole, 1):
        path.write_bytes(content)
        found = inspected(path, capsys)
        usable += bool(found)
        assert found.get("events", 0) <= events + 8  # type: ignore[operator]  # a count
    assert usable > WOUNDS


@pytest.mark.parametrize("name", RECORDINGS[:2])
def test_replays_of_damaged_text(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x"
    for content in wounded(beginning(name), 5):
        path.write_bytes(content)
        status = main(["replay", str(path), "-q", "--mem", "64M", "--format", "json"])
        told = capsys.readouterr()
        assert status in {0, 1} or told.err.count("\n") == status - 1 == 1


def test_a_mask_with_both_mobility_flags_is_served(tmp_path: Path) -> None:
    """No kernel asks so; a flipped bit does, and must not reach beyond the lists."""
    path = tmp_path / "x.txt"
    asked = "order=0 migratetype=1 gfp_flags=__GFP_MOVABLE|__GFP_RECLAIMABLE"
    page = " sh-1 [000] .....  1.{:06d}: mm_page_alloc: page=1 pfn={:#x} {}\n"
    path.write_text("".join(page.format(n, n, asked) for n in range(1, 300)), encoding="ascii")
    run = replay(open_trace(str(path)))
    assert (run.totals.attempted, run.totals.failed) == (299, 0)


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress, "zstd"])
def test_compressed(
    compress: Callable[[bytes], bytes] | str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if isinstance(compress, str):
        compress = (
            pytest.importorskip("zstandard", reason="compressed recordings need it")
            .ZstdCompressor()
            .compress
        )
    path = tmp_path / "x"
    for content in wounded(compress(beginning(RECORDINGS[0])), 2):
        path.write_bytes(content)
        inspected(path, capsys)


def packed(name: str, path: Path) -> bytes:
    """A recording in many small chunks."""
    trace = open_trace(str(TRACES / name))
    with PackedWriter(str(path)) as writer:
        writer.begin(trace.meta)
        for batch in trace.batches():
            for start in range(0, min(len(batch), 12 * CHUNK_ROWS), CHUNK_ROWS):
                piece = EventBatch(batch.first + start)
                for column in EventBatch.columns:
                    setattr(piece, column, getattr(batch, column)[start : start + CHUNK_ROWS])
                writer.rows(piece, trace.tables)
        writer.finish(trace.meta, trace.tables)
    return path.read_bytes()


def rows_before(content: bytes, damage: int) -> int:
    """Rows of the chunks that end before a byte."""
    rows, pos = 0, FILE_HEADER_BYTES
    while pos < len(content):
        end = pos + CHUNK_HEADER_BYTES + int.from_bytes(content[pos + 8 : pos + 16], "little")
        if end > damage:
            break
        rows += int.from_bytes(content[pos + 4 : pos + 8], "little")
        pos = pos + CHUNK_HEADER_BYTES + padded(end - pos - CHUNK_HEADER_BYTES)
    return rows


@pytest.mark.parametrize("name", RECORDINGS)
def test_what_stands_before_the_damage_of_a_packed_file_is_usable(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.bst"
    whole = packed(name, path)
    chance = Random(3)
    for number in range(1, 3 * WOUNDS):
        at = len(whole) * number // (3 * WOUNDS)
        flipped = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
        for content in (whole[:at], flipped):
            path.write_bytes(content)
            inspected(path, capsys)
            found = inspected(path, capsys, "--salvage")
            usable = rows_before(whole, at)
            # Padding carries nothing: a flip in it harms nobody.
            assert found.get("events", 0) == usable or not found.get("truncated", True)
            assert bool(found) == bool(usable) or not found.get("truncated", True)


def test_perf_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    perf = shutil.which("perf")
    if perf is None:
        pytest.skip("perf is not installed")
    path = tmp_path / "perf.data"
    events = "kmem:mm_page_alloc,kmem:mm_page_free"
    command = [perf, "record", "-q", "-g", "-o", str(path), "-e", events, "--", "true"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("perf may not record kmem events here")
    assert inspected(path, capsys)["events"]
    for content in wounded(path.read_bytes(), 4):
        path.write_bytes(content)
        inspected(path, capsys)
