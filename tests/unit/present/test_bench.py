"""The bench table, on the terminal and for README."""

from __future__ import annotations

from rich.console import Console

from buddysim.bench.limits import Verdict
from buddysim.bench.race import Row
from buddysim.bench.suite import Bench
from buddysim.present.bench import format_markdown, render_bench

BENCH = Bench(
    version="1.2",
    build="compiled",
    cpu="Some CPU",
    processors=2,
    load=0.5,
    python="3.11.7",
    quick=False,
    rows=(
        Row("core", "core, 64M", 52.34e6, "events/s", "higher", "the bound", 80e6, 0.65, 5),
        Row("ingest", "packed", 1303.7, "MB/s", "higher", "regex", 50.26, 25.9, 5),
        Row("start", "buddysim --help", 0.1234, "s", "lower", "", 0.0, 0.0, 5, "by hand"),
    ),
    limits=(
        Verdict("memory of a machine", 219.0, "most", 500.0, "MB", "met", "a machine of 64G"),
        Verdict("core, times", 2.1, "most", 1.3, "x", "missed", "core, 64M"),
        Verdict("core, instructions", None, "most", 160.0, "i", "not measured", "valgrind"),
    ),
    left_out=("trace.dat: replay: trace-cmd is not installed",),
)


def test_markdown_names_build_machine_and_date() -> None:
    text = format_markdown(BENCH, "1 May 2026")
    assert text.startswith(
        "buddysim 1.2, core compiled, Python 3.11.7, Some CPU, "
        "2 processors, load 0.5, medians of 5, 1 May 2026.\n"
    )
    assert "| core | core, 64M | 52.3 M events/s | 0.65 | the bound: 80 M events/s |" in text
    assert "| ingest | packed | 1,304 MB/s | 25.90 | regex: 50.3 MB/s |" in text
    assert "| start | buddysim --help | 0.123 s |  |  |" in text


def test_the_terminal_shows_one_table_a_group() -> None:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(render_bench(BENCH))
    text = capture.get()
    assert text.index("core, 64M") < text.index("buddysim --help")
    assert "52.3 M events/s" in text


def test_limits_are_shown_with_their_figures() -> None:
    text = format_markdown(BENCH)
    assert "| memory of a machine | 219 MB | at most 500 MB | met | a machine of 64G |" in text
    assert "| core, times | 2.10 x | at most 1.30 x | missed | core, 64M |" in text
    assert "| core, instructions |  | at most 160 i | not measured | needs valgrind |" in text


def test_notes_and_what_was_left_out_are_told() -> None:
    lines = format_markdown(BENCH).splitlines()
    assert "start: by hand." in lines
    assert "Left out: trace.dat: replay: trace-cmd is not installed." in lines
