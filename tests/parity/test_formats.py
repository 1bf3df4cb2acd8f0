"""The same events whatever the format, and the same rows whatever the build."""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from buddysim.source import scanner
from buddysim.source.event import EventBatch, Trace
from buddysim.source.open import open_trace

ROOT = Path(__file__).resolve().parents[2]
EVENT = ("kind", "cpu", "order", "migratetype", "gfp", "time_ns", "pfn", "aux")
CORPUS = ROOT / "tests" / "corpus"
PAIRS = [
    ("tracecmd-allkmem", "tracecmd-allkmem-raw"),
    ("tracecmd-stack", "tracecmd-stack-raw"),
    ("tracecmd-fork-tcp", "tracecmd-fork-tcp-raw"),
]
RECORDINGS = [
    "x86-host-perf/perf-tcp-g.txt.zst",
    "x86-host-perf/tracecmd-stack.txt.zst",
    "x86-host-perf/ftrace-tcp-stack.txt.zst",
    "x86-ftrace/smallfiles-allkmem/trace.txt.zst",
    "x86-ftrace/forkexec/trace.txt.zst",
    "ftrace/manyfiles/trace.txt.zst",
    "host-perf/ftrace-stack.txt.zst",
]


def rows(trace: Trace, names: tuple[str, ...] = EVENT) -> list[tuple[int, ...]]:
    return [
        row
        for batch in trace.batches()
        for row in zip(*(getattr(batch, name) for name in names), strict=True)
    ]


@pytest.mark.parametrize(("cooked", "raw"), PAIRS)
def test_raw_and_cooked_reports_of_a_recording_are_the_same_events(
    oracle_dir: Path, cooked: str, raw: str
) -> None:
    folder = oracle_dir / "x86-host-perf"
    one = rows(open_trace(str(folder / f"{cooked}.txt.zst")))
    two = rows(open_trace(str(folder / f"{raw}.txt.zst")))
    # One of the raw texts was cut at 3,000 lines.
    assert two == one[: len(two)]
    assert len(two) > 1000


def digest(path: str) -> str:
    """Of every column and table."""
    trace = open_trace(path)
    total = hashlib.sha256()
    for batch in trace.batches():
        for name in EventBatch.columns:
            total.update(getattr(batch, name).tobytes())
    tables = trace.tables
    told = [tables.callers, tables.tasks, tables.stacks, tables.names, trace.meta.skipped_lines]
    total.update(json.dumps(told).encode())
    return total.hexdigest()


BUILD = """
import json, shutil, sys
from pathlib import Path
root, work = Path(sys.argv[1]), Path(sys.argv[2])
shutil.copytree(root / "buddysim", work / "buddysim", ignore=shutil.ignore_patterns("*.so"))
sys.path.insert(0, str(work))
from buddysim._build import hook
hook.TO_CYTHONIZE = tuple(name for name in hook.TO_CYTHONIZE if "/source/" in name)
for shared_object, inside in hook.compile_modules(work, work / "build"):
    shutil.copy(shared_object, work / inside)
"""
DIGEST = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from buddysim.source import columns, perf_samples, ring_buffer, scanner
modules = (columns, perf_samples, ring_buffer, scanner)
assert all(not module.__file__.endswith(".py") for module in modules)
from test_formats import digest
for path in sys.argv[3:]:
    print(digest(path))
"""


@pytest.fixture(scope="module")
def compiled_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package whose source room is compiled."""
    if not str(scanner.__file__).endswith(".py"):
        pytest.skip("this run is compiled itself, there is nothing to compare with")
    if find_spec("Cython") is None or shutil.which("cc") is None:
        pytest.skip("needs Cython and a C compiler")
    work = tmp_path_factory.mktemp("compiled")
    subprocess.run(
        [sys.executable, "-c", BUILD, str(ROOT), str(work)],
        check=True,
        capture_output=True,
        cwd=work,
    )
    return work


def samples(folder: Path) -> list[str]:
    """Text that takes every path of the scanner, damage included."""
    head = " sh-1 [000] .....  {}.000001: "
    page = "page=00000000371ababb pfn=0x{:x} order={} migratetype=1"
    text = [
        head.format(n) + f"mm_page_alloc: {page.format(n * 77, n % 12)} gfp_flags=GFP_KERNEL\n"
        for n in range(300)
    ]
    text[20:20] = [" sh-1 [000] .....  9.1: <stack trace>\n => alloc_pages\n => caller_one\n"]
    text[30:30] = ["CPU:1 [LOST 3 EVENTS]\n", "noise\n", "\n", "# comment\n", "=> stray\n"]
    whole = "".join(text).encode()
    paths = []
    for number in range(12):
        damaged = bytearray(whole)
        for at in range(number * 97, len(whole), 1009):
            damaged[at] ^= number * 3 & 0x7F
        path = folder / f"sample{number}.txt"
        path.write_bytes(bytes(damaged).replace(b"\0", b"?")[: len(whole) - number])
        paths.append(str(path))
    return paths


def binary_samples(folder: Path) -> list[str]:
    """Ring buffer pages, whole and with more and more damage in them."""
    whole = lzma.decompress((CORPUS / "trace-dat" / "plain.v6.dat.xz").read_bytes())
    pages_at = whole.index(b"flyrecord") + 8192
    paths = []
    for number in range(12):
        damaged = bytearray(whole)
        for at in range(pages_at + number * 97, len(whole) if number else 0, 3001 - 200 * number):
            damaged[at] ^= number * 37 & 0xFF
        path = folder / f"sample{number}.dat"
        path.write_bytes(damaged)
        paths.append(str(path))
    return [*paths, str(CORPUS / "trace-dat" / "stacks.v7.dat")]


def compiled_digests(tree: Path, folder: Path, paths: list[str]) -> list[str]:
    command = [sys.executable, "-c", DIGEST, str(tree), str(Path(__file__).parent)]
    told = subprocess.run(
        [*command, *paths], check=True, capture_output=True, text=True, cwd=folder
    )
    return told.stdout.split()


@pytest.mark.slow
def test_compiled_and_interpreted_readers_give_the_same_rows(
    compiled_tree: Path, tmp_path: Path, oracle_dir: Path
) -> None:
    paths = [str(oracle_dir / name) for name in RECORDINGS] + samples(tmp_path)
    assert [digest(path) for path in paths] == compiled_digests(compiled_tree, tmp_path, paths)


@pytest.mark.slow
def test_compiled_and_interpreted_readers_give_the_same_rows_of_ring_buffers(
    compiled_tree: Path, tmp_path: Path
) -> None:
    paths = binary_samples(tmp_path)
    digests = [digest(path) for path in paths]
    assert digests == compiled_digests(compiled_tree, tmp_path, paths)
    assert len(set(digests)) == len(paths)
