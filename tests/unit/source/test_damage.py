"""Whatever is done to a text, reading it ends in rows or in one line, never in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buddysim.errors import TraceError
from buddysim.source.open import open_trace

PAGE = "page=00000000371ababb pfn=0x1b8ae3"
FTRACE = (
    "# tracer: nop\n# entries-in-buffer/entries-written: 5/5   #P:2\n"
    f" bash-9687    [001] .....  1800.509956: mm_page_alloc: {PAGE} order=0 migratetype=1 "
    "gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_COMP\n"
    " bash-9687    [001] .....  1800.509957: <stack trace>\n => alloc_pages\n => pgd_alloc\n"
    f" bash-9687    [001] d..1.  1800.510239: mm_page_free: {PAGE} order=0\n"
    "CPU:1 [LOST 3 EVENTS]\n"
    " bash-9687    [000] .....  1800.510255: kfree: call_site=f+0x1c/0x90 ptr=0000000000000000\n"
    " cat-1        [000] .....  1800.510256: mm_vmscan_direct_reclaim_end: nr_reclaimed=32\n"
).encode()
PERF = (
    f"sh  1166 [001]  5517.828804:        kmem:mm_page_alloc: {PAGE} order=0 migratetype=0 "
    "gfp_flags=GFP_KERNEL\n\tffffffff8162184b alloc_pages+0x26b ([kernel.kallsyms])\n"
    "\tffffffff815e77ee __pmd_alloc+0x2e ([kernel.kallsyms])\n\n"
    f"sh  1166 [001]  5517.828805:         kmem:mm_page_free: {PAGE} order=0\n\n"
).encode()
TRACE_CMD = (
    b"cpus=2\n  ot-86 [000]  7.811477: mm_page_alloc:         pfn=0x100b97 order=0 "
    b"gfp_flags=0x400dc0 migratetype=0\n  ot-86 [000]  7.812009: kernel_stack:   <stack trace >\n"
    b"=> alloc_pages (ffffffff811f241f)\n=> pgd_alloc (ffffffff810560ed)\n"
)

DAMAGE = st.one_of(
    st.tuples(st.just("flip"), st.integers(0, 2000), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.integers(0, 2000), st.just(0)),
    st.tuples(st.just("drop"), st.integers(0, 2000), st.integers(1, 60)),
    st.tuples(st.just("repeat"), st.integers(0, 12), st.integers(1, 3)),
    st.tuples(st.just("insert"), st.integers(0, 2000), st.sampled_from(b"\n\t =>:x-[0")),
)


def damaged(data: bytes, wounds: list[tuple[str, int, int]]) -> bytes:
    for kind, place, much in wounds:
        at = place % (len(data) + 1)
        if kind == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ much]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "drop":
            data = data[:at] + data[at + much :]
        elif kind == "insert":
            data = data[:at] + bytes([much]) + data[at:]
        elif kind == "repeat":
            lines = data.splitlines(keepends=True)
            lines[at:at] = lines[at : at + much]
            data = b"".join(lines)
    return data


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from([FTRACE, PERF, TRACE_CMD]), st.lists(DAMAGE, min_size=1, max_size=4))
def test_damage_is_counted_or_told(
    tmp_path: Path, whole: bytes, wounds: list[tuple[str, int, int]]
) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(damaged(whole, wounds))
    rows = 0
    try:
        trace = open_trace(str(path))
        for batch in trace.batches():
            rows += len(batch)
            assert all(-1 <= order <= 10 for order in batch.order)
            assert all(caller < len(trace.tables.callers) for caller in batch.caller)
            assert all(stack < len(trace.tables.stacks) for stack in batch.stack)
    except TraceError as error:
        assert "\n" not in str(error)  # noqa: PT017  # both outcomes are right
        return
    assert 0 < rows <= path.read_bytes().count(b"\n")
    assert trace.meta.skipped_lines <= trace.meta.lines


def test_one_flipped_letter_of_a_mask_skips_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(FTRACE.replace(b"GFP_HIGHUSER", b"GFP_HIGHUSFR"))
    trace = open_trace(str(path))
    kinds = [kind for batch in trace.batches() for kind in batch.kind]
    assert kinds == [1, 19, 7, 14]
    assert trace.meta.skipped_lines == 1


@pytest.mark.parametrize(
    "line",
    [
        " sh-1 [000] .\xae...  1.000001: mm_vmscan_kswapd_sleep: nid=0",
        f" sh-1 [{'9' * 5000}] .....  1.000001: mm_vmscan_kswapd_sleep: nid=0",
        f" sh-{'9' * 5000} [000] .....  1.000001: mm_vmscan_kswapd_sleep: nid=0",
        f" sh-1 [000] .....  1.000001: mm_vmscan_kswapd_sleep: nid={'9' * 30}",
        f" sh-1 [000] .....  1.000001: mm_vmscan_kswapd_sleep: nid={'9' * 5000}",
        f" sh-1 [000] .....  {'9' * 5000}: mm_vmscan_kswapd_sleep: nid=0",
        f"CPU:0 [LOST {'9' * 5000} EVENTS]",
        f" sh-1 [000] .....  1.000001: mm_page_free: page=1 pfn={'9' * 5000} order=0",
        " sh-1 [000] .....  1.000001: mm_page_free: page=1 pfn=5 order=-7",
        " sh-1 [000] .....  1.000001: mm_page_pcpu_drain: page=1 pfn=5 order=0 migratetype=6",
    ],
)
def test_impossible_values_skip_their_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(FTRACE + line.encode("latin-1") + b"\n")
    trace = open_trace(str(path))
    kinds = [kind for batch in trace.batches() for kind in batch.kind]
    assert kinds == [0, 1, 19, 7, 14]
    assert trace.meta.skipped_lines == 1
