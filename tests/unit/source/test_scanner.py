"""The scanner's shortcut for common lines reads what the general way reads, or leaves it alone."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from buddysim.source.event import EventBatch
from buddysim.source.open import open_trace

HEADER = "# tracer: nop\n"
FIRST = "  sh-44  [000] .....  1.000000: mm_page_free: page=00000000c6c54809 pfn=0x10 order=0\n"

digits = st.integers(0, 10**9).map(str)
seconds = st.one_of(st.integers(0, 10**9).map(str), st.sampled_from(["", "007", "1" * 12, "x1"]))
fractions = st.one_of(
    st.integers(0, 999_999).map("{:06}".format),
    st.integers(0, 999_999_999).map("{:09}".format),
    st.sampled_from(["", "5", "12345a", "1234567"]),
)
heads = st.builds(
    "{}-{} {} {} ".format,
    st.sampled_from(["              sh", " kworker/0:1", "my app: 1.5", "  <...>"]),
    digits,
    st.sampled_from(["     [000]", "[011]", "     [00x]"]),
    st.sampled_from(["d....", ".....", "..s2.", "dNh3"]),
)
pages = st.sampled_from(
    ["00000000c6c54809", "(null)", "           (null)", "0x1", "(____ptrval____)", ""]
)
pfns = st.one_of(
    st.integers(0, 1 << 40).map("0x{:x}".format),
    st.integers(0, 1 << 24).map(str),
    st.integers(0, 1 << 12).map("0x{:X}".format),
    st.sampled_from(["0x", "-", "0x12g4", "12a", "0x123456789abcd", "123456789012", ""]),
)
tails = st.sampled_from(
    [
        " order=0 migratetype=1 gfp_flags=GFP_KERNEL",
        " order=2 migratetype=0 gfp_flags=GFP_ATOMIC|__GFP_NOWARN",
        " order=0",
        " order=x",
        " order=0 pfn=0x5",
        "",
        "  order=1",
    ]
)
page_events = st.builds(
    "{}:{}page={} pfn={}{}".format,
    st.sampled_from(["mm_page_alloc", "mm_page_free", "mm_page_pcpu_drain", "sched_switch"]),
    st.sampled_from([" ", "  ", ""]),
    pages,
    pfns,
    tails,
)
texts = st.one_of(
    page_events,
    st.sampled_from(
        [
            "<stack trace>",
            "<stack trace> ",
            "<user stack trace>",
            "kfree: call_site=skb_free ptr=00000000c6c54809",
            "mm_page_alloc:",
            "tracing_mark_write: page=1 pfn=2",
        ]
    ),
)
lines = st.one_of(
    st.builds("{} {}.{}: {}".format, heads, seconds, fractions, texts),
    st.sampled_from(
        ["", "# a comment", "page=1 pfn=0x2", "1.000000: mm_page_free: page=1 pfn=0x2"]
    ),
)


def read(path: Path, text: str) -> tuple[dict[str, list[int]], int]:
    """Every column of a trace, and how many lines were skipped."""
    path.write_bytes(text.encode())
    trace = open_trace(str(path))
    whole: dict[str, list[int]] = {name: [] for name in EventBatch.typecodes}
    for batch in trace.batches():
        for name, rows in whole.items():
            rows.extend(getattr(batch, name))
    return whole, trace.meta.skipped_lines


@given(st.lists(lines, max_size=12), st.integers(1, 3))
def test_lines_with_carriage_returns_read_the_same(
    tmp_path_factory, some: list[str], times: int
) -> None:
    """The shortcut knows no carriage returns, and only pieces that it saw before."""
    path = tmp_path_factory.mktemp("scan") / "trace.txt"
    text = HEADER + FIRST + "".join(f"{line}\n" for line in some * times)
    assert read(path, text) == read(path, text.replace("\n", "\r\n"))
