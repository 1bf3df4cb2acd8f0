"""The inspect and convert verbs from the outside: exit codes, stdout, stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from buddysim.cli.main import main

EVENTS = (
    "# tracer: nop\n"
    " rx-1 [000] ..s1.  1.000001: mm_page_alloc: page=1 pfn=0x10 order=2 migratetype=0 "
    "gfp_flags=GFP_ATOMIC\n"
    " rx-1 [000] ..s1.  1.000002: mm_page_alloc: page=0000000000000000 pfn=0x0 order=3 "
    "migratetype=0 gfp_flags=GFP_ATOMIC\n"
    "damage\n"
    " rx-1 [001] .....  1.000009: mm_page_free: page=1 pfn=0x10 order=2\n"
)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.txt"
    path.write_text(EVENTS)
    return path


def test_inspect_json_is_one_document_with_the_promised_keys(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(trace), "--format", "json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    found = json.loads(told.out)
    assert found["schema"] == "buddysim/inspect/1"
    assert found["events_by_kind"] == {"mm_page_alloc": 2, "mm_page_free": 1}
    assert (found["failed_allocations"], found["span_ns"], found["cpus"]) == (1, 8000, [0, 1])
    assert (found["lines"], found["skipped_lines"], found["lost_events"]) == (5, 1, 0)
    assert found["orders_by_migratetype"]["UNMOVABLE"] == [0, 0, 1] + [0] * 8
    assert found["contexts"] == {"softirq": 2}
    assert found["effects"] == {}
    assert set(found) >= {"format", "layout", "profile", "callers", "reconciled"}


def test_inspect_text_goes_to_the_file_asked_for(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.txt"
    assert main(["inspect", str(trace), "-o", str(target)]) == 0
    assert capsys.readouterr().out == ""
    assert "3 events in 8us" in target.read_text()


def test_convert_and_inspect_the_result(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = tmp_path / "x.bst"
    assert main(["convert", str(trace), str(packed)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "3 events" in told.err
    assert "1 lines of" in told.err
    assert main(["inspect", str(packed), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == "packed"
    assert found["skipped_lines"] == 1


@pytest.mark.parametrize("suffix", [".csv", ""])
def test_convert_to_an_unknown_suffix_is_bad_usage(
    trace: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(trace), str(tmp_path / f"x{suffix}")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"\x7fELF\0\0", b"prose\n", None])
def test_bad_input_is_one_line_and_exit_2(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert main(["inspect", str(path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert str(path) in told.err


def test_damaged_packed_trace_needs_salvage(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = tmp_path / "x.bst"
    main(["convert", str(trace), str(packed), "-q"])
    packed.write_bytes(packed.read_bytes()[:-20])
    assert main(["inspect", str(packed)]) == 2
    assert "--salvage" in capsys.readouterr().err
    assert main(["inspect", str(packed), "--salvage", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["truncated"]
