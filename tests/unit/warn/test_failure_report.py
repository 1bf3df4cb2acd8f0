"""Report text by era: fact sheet 10.1 to 10.3, and field order in real reports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from buddysim.kernel.failure_report import layout_of
from buddysim.kernel.gfp import composite
from buddysim.kernel.profile import profile_of
from buddysim.warn.failure_report import (
    call_trace,
    failure_report,
    first_line,
    free_list_line,
    memory_dump,
    vmalloc_line,
)
from buddysim.warn.report_input import (
    NodeInput,
    PagesetInput,
    ReportInput,
    ReportOptions,
    ZoneInput,
)

ATOMIC = composite("GFP_ATOMIC", "6.12")


def zone(**settings: object) -> ZoneInput:
    values = {
        "name": "DMA",
        "node": 0,
        "zone_index": 0,
        "counters": {"free": 193, "min": 32, "reserved_highatomic": 512},
        "lowmem_reserve": (0, 81, 202, 202),
        "free_blocks": [{0: 1}, *({} for _ in range(5)), {0: 1, 1: 2}, *({} for _ in range(4))],
        "pagesets": [PagesetInput(186, 31, 7)],
        **settings,
    }
    return ZoneInput(**values)


def view(**settings: object) -> ReportInput:
    values = {
        "order": 1,
        "gfp": ATOMIC,
        "comm": "swapper",
        "pid": 7,
        "cpu": 2,
        "zones": [zone()],
        "nodes": [NodeInput(0, {"shmem": 3, "kernel_stack": 544})],
        **settings,
    }
    return ReportInput(**values)


@pytest.mark.parametrize(
    ("era", "line"),
    [
        ("2.6.25", "swapper: page allocation failure. order:1, mode:0x20"),
        ("2.6.32", "swapper: page allocation failure. order:1, mode:0x20"),
        ("3.13", "swapper: page allocation failure: order:1, mode:0x20"),
        ("4.9", "swapper: page allocation failure: order:1, mode:0x480020(GFP_ATOMIC)"),
        ("4.19", "swapper: page allocation failure: order:1, mode:0x480020(GFP_ATOMIC), "
                 "nodemask=(null)"),
        ("6.12", "swapper: page allocation failure: order:1, mode:0x820(GFP_ATOMIC), "
                 "nodemask=(null)"),
    ],
)  # fmt: skip
def test_first_line(era: str, line: str) -> None:
    gfp = composite("GFP_ATOMIC", era) if era != "4.9" else composite("GFP_ATOMIC", "4.9")
    expected = line.replace("0x480020", "0x2080020") if era == "4.9" else line
    assert first_line(view(gfp=gfp), profile_of(era)) == [expected]


def test_cpusets_have_their_own_line_in_4_19_only() -> None:
    options = ReportOptions(cpusets=True)
    assert first_line(view(options=options), profile_of("4.19"))[1] == (
        "swapper cpuset=/ mems_allowed=0"
    )
    assert first_line(view(options=options), profile_of("6.1"))[0].endswith(
        "nodemask=(null),cpuset=/,mems_allowed=0"
    )


def test_empty_mask_has_empty_names() -> None:
    assert "mode:0x0()," in first_line(view(gfp=0), profile_of("6.12"))[0]


@pytest.mark.parametrize(
    ("era", "lines"),
    [
        ("2.6.25", ["Pid: 7, comm: swapper Not tainted 2.6.25", "", "Call Trace:",
                    " <IRQ>  a+0x1/0x2", " b+0x3/0x4"]),
        ("4.4", ["CPU: 2 PID: 7 Comm: swapper Not tainted 4.4", "Call Trace:", " <IRQ>",
                 " a+0x1/0x2", " b+0x3/0x4", " </IRQ>"]),
        ("6.12", ["CPU: 2 UID: 0 PID: 7 Comm: swapper Not tainted 6.12 ", "Call Trace:", " <IRQ>",
                  " a+0x1/0x2", " b+0x3/0x4", " </IRQ>"]),
    ],
)  # fmt: skip
def test_call_trace_from_an_interrupt(era: str, lines: list[str]) -> None:
    seen = view(frames=("a+0x1/0x2", "b+0x3/0x4"), context=8)
    assert call_trace(seen, profile_of(era)) == lines


def test_unknown_stack_is_not_invented() -> None:
    assert call_trace(view(), profile_of("6.12")) == [
        "CPU: 2 UID: 0 PID: 7 Comm: swapper Not tainted 6.12 "
    ]


def test_letters_follow_the_eras_order_of_types() -> None:
    mixed = zone(free_blocks=[{0: 1, 1: 1, 2: 1, 3: 1}])
    assert free_list_line(mixed, profile_of("6.12"), letters=True) == "DMA: 4*4kB (UMEH) = 16kB"
    assert free_list_line(mixed, profile_of("3.13"), letters=True) == "DMA: 4*4kB (UEMR) = 16kB"
    assert free_list_line(mixed, profile_of("2.6.32"), letters=False) == "DMA: 4*4kB = 16kB"


def test_zone_line_of_6_12() -> None:
    line = next(text for text in memory_dump(view(), profile_of("6.12")) if "DMA free" in text)
    assert line.startswith(
        "Node 0 DMA free:772kB boost:0kB min:128kB low:0kB high:0kB reserved_highatomic:2048KB "
    )
    assert line.endswith("free_pcp:0kB local_pcp:0kB free_cma:0kB")


def test_node_line_keeps_kernel_stack_in_kilobytes_and_spaces_thp_before_6_4() -> None:
    modern = memory_dump(view(), profile_of("6.12"))
    older = memory_dump(view(), profile_of("6.1"))
    assert any("shmem:12kB shmem_thp:0kB" in line and "kernel_stack:544kB" in line
               for line in modern)  # fmt: skip
    assert any("shmem:12kB shmem_thp: 0kB" in line for line in older)


def test_per_cpu_block_before_4_4_only() -> None:
    line = "CPU    0: hi:  186, btch:  31 usd:   7"
    assert line in memory_dump(view(), profile_of("2.6.25"))
    assert line in memory_dump(view(), profile_of("3.13"))
    assert line not in memory_dump(view(), profile_of("4.4"))


def test_without_numa_zones_have_no_node() -> None:
    lines = memory_dump(view(options=ReportOptions(numa=False, thp=False)), profile_of("6.12"))
    assert any(line.startswith("DMA free:") for line in lines)
    assert not any("shmem_thp" in line for line in lines)


def test_cma_and_hugepages_lines_need_their_option() -> None:
    options = ReportOptions(cma=True, hugepages=True)
    lines = memory_dump(view(options=options, totals={"cma_reserved": 8192}), profile_of("6.12"))
    assert lines[-1] == "8192 pages cma reserved"
    assert sum("hugepages_total=0" in line for line in lines) == 1


def test_vmalloc_line() -> None:
    assert vmalloc_line(view(), profile_of("6.12"), "too-large", 4096) == [
        "swapper: vmalloc error: size 4096, exceeds total pages, mode:0x820(GFP_ATOMIC), "
        "nodemask=(null)"
    ]


@pytest.mark.parametrize("era", ["2.6.25", "2.6.32", "3.13", "4.4", "4.19", "6.1", "6.12", "6.18"])
def test_report_has_its_parts_in_order(era: str) -> None:
    lines = failure_report(view(), profile_of(era))
    marks = ["page allocation failure", layout_of(era).title, "free:", "lowmem_reserve[]:", "= "]
    places = [next(n for n, line in enumerate(lines) if mark in line) for mark in marks[:-1]]
    assert places == sorted(places)
    assert lines[places[-1] + 1].endswith("kB")


# Reports with unbroken zone lines: start of the file name, kernel that wrote it.
REAL = {
    "015-": "6.9",
    "021-": "5.10",
    "022-": "5.15",
    "034-": "2.6.32",
    "038-": "5.10",
    "048-": "5.6",
    "057-": "6.10",
    "060-": "6.19",
    "070-": "6.8",
    "086-": "6.3",
}


@pytest.mark.parametrize(("name", "release"), REAL.items())
def test_zone_fields_are_in_the_order_of_real_reports(
    failure_reports_dir: Path, name: str, release: str
) -> None:
    path = next(failure_reports_dir.glob(f"{name}*.txt"))
    ours = [field.label for field in layout_of(release).zone]
    lines = re.findall(r"\bfree:\d+kB[^\n]*", path.read_text(encoding="utf-8"))
    unbroken = [
        re.findall(r"([\w()]+):\d", line)
        for line in lines
        if "present:" in line and ("free_cma:" in line or "pages_scanned:" in line)
    ]
    assert unbroken
    assert [labels for labels in unbroken if labels != ours] == []
