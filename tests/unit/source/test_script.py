"""The hand-written format: what is read, what is refused and where, and the round trip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.kernel.context import Context
from buddysim.kernel.gfp import parse_names
from buddysim.source.action import Action
from buddysim.source.event import EventKind
from buddysim.source.script import format_script, open_script
from buddysim.source.script_parse import parse_script
from buddysim.source.statement import Fill, Reclaimable, Script

_EXAMPLE = """\
@machine  mem=16M profile=6.12 min_free_kbytes=512            # any machine option
@fill     order=0 gfp=GFP_USER|__GFP_MEMALLOC until_free=0 free=every2
@reclaimable  pages=2000
@caller   e1000_rx   context=softirq  on_failure=drop
@caller   dm_crypt   context=process  on_failure=fallback:0,unwind,error:ENOMEM

# time      caller     operation
0.000100    e1000_rx   alloc rx0 order=2 gfp=GFP_ATOMIC
+20us       e1000_rx   use rx0
+5us        dm_crypt   begin t1
+1us        dm_crypt   alloc b0 gfp=GFP_NOIO
+1us        dm_crypt   alloc b1 order=3 gfp=GFP_NOIO|__GFP_NOWARN else=retry:3:50,ignore
+9us        dm_crypt   use b1
+1us        dm_crypt   end t1 ok
+1us        dm_crypt   free b0
"""


def _parse(text: str) -> Script:
    return parse_script(text.splitlines(), "x.trace")


def test_the_documented_example_parses() -> None:
    script = _parse(_EXAMPLE)
    assert script.machine.mem == 16 << 20
    assert script.machine.sysctl == ("min_free_kbytes=512",)
    fill = script.prelude[0]
    assert isinstance(fill, Fill)
    assert (fill.until_free, fill.free) == (0, "every2")
    assert script.prelude[1] == Reclaimable(2000, 0, 3)
    assert script.declarations["dm_crypt"].on_failure == (
        Action("fallback", 0),
        Action("unwind"),
        Action("error", errno="ENOMEM"),
    )
    times = [each.time_ns for each in script.statements]
    assert times == [100_000, 120_000, 125_000, 126_000, 127_000, 136_000, 137_000, 138_000]
    retry = script.statements[4].actions
    assert retry == (Action("retry", 3, 50_000), Action("ignore"))
    assert script.statements[4].gfp == parse_names("GFP_NOIO|__GFP_NOWARN", "6.12")


def test_round_trip_keeps_every_fact() -> None:
    script = _parse(_EXAMPLE)
    again = _parse(format_script(script))
    assert [replace(each, line=0, gfp_text="") for each in script.statements] == [
        replace(each, line=0, gfp_text="") for each in again.statements
    ]
    assert again.machine.mem == script.machine.mem
    assert [replace(each, line=0) for each in again.prelude] == [
        replace(each, line=0) for each in script.prelude
    ]
    assert format_script(again) == format_script(script)


def test_rows_carry_context_order_mask_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_text(_EXAMPLE, encoding="utf-8")
    trace = open_script(str(path))
    (batch,) = trace.batches()
    assert list(batch.kind[:3]) == [EventKind.ALLOC, EventKind.USE, EventKind.BEGIN]
    assert batch.context[0] == Context.SOFTIRQ
    assert (batch.order[0], batch.line[0], batch.handle[0]) == (2, 8, 0)
    assert trace.tables.callers[batch.caller[0]] == "e1000_rx"


def test_caller_without_declaration_runs_in_unknown_context(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_text("0.0 nobody alloc a\n", encoding="utf-8")
    (batch,) = open_script(str(path)).batches()
    assert batch.context[0] == Context.UNKNOWN
    assert batch.gfp[0] == parse_names("GFP_KERNEL", "6.12")


def test_repeat_makes_one_row_each(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_text("0.0 c alloc a repeat=70000\n", encoding="utf-8")
    sizes = [len(batch) for batch in open_script(str(path)).batches()]
    assert sizes == [65536, 4464]


def test_masks_are_read_in_the_profile_of_the_machine() -> None:
    script = _parse("0.0 c alloc a gfp=0x20\n@machine profile=2.6.25\n")
    assert script.profile == "2.6.25"
    assert script.statements[0].gfp == parse_names("GFP_ATOMIC", "2.6.25")


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("0.0 c aloc a", 1, 7, "did you mean alloc?"),
        ("0.0 c alloc a oder=1", 1, 15, "did you mean order?"),
        ("0.0 c alloc a order=11", 1, 21, "0 to 10"),
        ("0.0 c alloc a order=-1", 1, 21, "0 to 10"),
        ("0.0 c alloc a order=two", 1, 21, "0 to 10"),
        ("-0.5 c alloc a", 1, 1, "negative time"),
        ("0.5 c alloc a\n0.4 c free a", 2, 1, "runs backwards"),
        ("+-2us c alloc a", 1, 2, "duration"),
        ("+2 c alloc a", 1, 2, "ns, us, ms or s"),
        ("soon c alloc a", 1, 1, "begins with its time"),
        ("0.0 c alloc ax\n0.1 c free ay", 2, 12, "did you mean ax?"),
        ("0.0 c use a", 1, 11, "unknown handle"),
        ("0.0 c alloc a gfp=GFP_ATOMC", 1, 19, "did you mean GFP_ATOMIC?"),
        ("0.0 c alloc a gfp=GFP_NOIO|__GFP_NOWRN", 1, 28, "__GFP_NOWARN"),
        ("0.0 c alloc a gfp=0x80000000", 1, 19, "mean nothing in 6.12"),
        ("0.0 c alloc a\n0.1 c alloc a", 2, 13, "duplicate handle"),
        ("0.0 c alloc a else=retry:x", 1, 26, "number of retries"),
        ("0.0 c alloc a else=drop,falback:0", 1, 25, "did you mean fallback?"),
        ("0.0 c alloc a else=fallback:11", 1, 29, "order 0 to 10"),
        ("0.0 c alloc a else=error:ENOMEN", 1, 26, "did you mean ENOMEM?"),
        ("0.0 c alloc a repeat=0", 1, 22, "1 to 1000000"),
        ("0.0 c alloc a order=1 order=2", 1, 23, "given twice"),
        ("0.0 c alloc", 1, 7, "without a handle"),
        ("0.0 c", 1, 1, "unfinished"),
        ("@fil order=0", 1, 1, "did you mean @fill?"),
        ("@fill order=0", 1, 1, "without until_free"),
        ("@fill until_free=0 free=every0", 1, 25, "every2"),
        ("@fill until_free=0 free=random:101", 1, 25, "percent"),
        ("@machine mem=16Q", 1, 14, "K, M, G or T"),
        ("@machine profile=banana", 1, 18, "banana"),
        ("@machine mim=16M", 1, 10, "did you mean mem?"),
        ("@machine mem=16M\n@machine mem=16M", 2, 1, "second @machine"),
        ("@caller c context=sleepy", 1, 19, "context"),
        ("@caller c on_failure=dorp", 1, 22, "did you mean drop?"),
        ("@caller c\n@caller c", 2, 9, "declared twice"),
        ("0.0 c begin t\n0.1 c begin t", 2, 13, "is open since line 1"),
        ("0.0 c begin t\n0.1 c end u ok", 2, 11, "did you mean t?"),
        ("0.0 c begin t\n0.1 c end t EWHAT", 2, 13, "errno"),
        ("0.0 c section noio2", 1, 15, "did you mean noio?"),
        ("0.0 c alloc a cpu=1", 1, 19, "0 to 0"),
        ("0.0 c alloc a\n@fill until_free=3", 2, 1, "before any statement"),
        ("0.0 c alloc a\n0.0 c free a part=1", 2, 7, "part without order"),
    ],
)
def test_errors_name_line_column_and_nearest_word(
    text: str, line: int, column: int, words: str
) -> None:
    with pytest.raises(TraceError) as caught:
        _parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\x7fELF\x00\x01\xff", "not text"),
        (b"0.0 c alloc a\x00", "binary"),
        (b"@machine mem=16M\n", "no statement"),
        (b"\x1f\x8b\x08\x00garbage", "cannot be read"),
    ],
)
def test_unreadable_files_are_refused_in_one_line(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bad.trace"
    path.write_bytes(data)
    with pytest.raises(TraceError, match=words):
        open_script(str(path))


def test_directory_and_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="directory"):
        open_script(str(tmp_path))
    with pytest.raises(TraceError, match="No such file"):
        open_script(str(tmp_path / "none.trace"))
