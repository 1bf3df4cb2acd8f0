"""Kernel log text to reports: transports, damage, two CPUs at once, ground truth."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddysim.source.kernel_log import parse_log

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "dmesg"
REPORT = (CORPUS / "rx-refill.txt").read_text(encoding="utf-8")

# The scoring helper is no package: load it by its path.
_spec = importlib.util.spec_from_file_location(
    "kernel_log_score", Path(__file__).with_name("kernel_log_score.py")
)
assert _spec is not None
assert _spec.loader is not None
kernel_log_score = importlib.util.module_from_spec(_spec)
sys.modules["kernel_log_score"] = kernel_log_score
_spec.loader.exec_module(kernel_log_score)


def _plain() -> list[str]:
    return [line.split("] ", 1)[1] for line in REPORT.splitlines()]


def _dress(kind: str) -> str:
    lines = _plain()
    if kind == "dmesg":
        return REPORT
    if kind == "dmesg -T":
        return "".join(f"[Mon Mar  3 10:00:00 2025] {line}\n" for line in lines)
    if kind == "level":
        return "".join(f"<4>[  100.000001] {line}\n" for line in lines)
    if kind == "syslog":
        return "".join(f"Mar  3 10:00:00 box kernel: [  1.000001] {line}\n" for line in lines)
    if kind == "json":
        return "".join(
            json.dumps({"__REALTIME_TIMESTAMP": "1700000000000001", "MESSAGE": line}) + "\n"
            for line in lines
        )
    if kind == "quoted":
        return "".join(f"> > {line}\n" for line in lines)
    if kind == "colour":
        return "".join(f"\x1b[32m[  100.000001]\x1b[0m {line}\r\n" for line in lines)
    if kind == "entities":
        return REPORT.replace("<", "&lt;").replace(">", "&gt;")
    if kind == "octal":
        return "Mar  3 10:00:00 box kernel: " + "#012".join(lines) + "\n"
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    "kind",
    [
        "bare",
        "dmesg",
        "dmesg -T",
        "level",
        "syslog",
        "json",
        "quoted",
        "colour",
        "entities",
        "octal",
    ],
)
def test_every_transport_tells_the_same(kind: str) -> None:
    (report,) = parse_log(_dress(kind).encode()).reports
    assert (report.kind, report.line, report.comm, report.pid) == ("page_alloc", 1, "eth0-irq", 77)
    assert (report.order, report.mode, report.gfp) == (2, "0x40a20", ["GFP_ATOMIC", "__GFP_COMP"])
    assert report.kernel == "5.10.9"
    assert report.in_interrupt
    (zone,) = report.zones
    assert (zone.node, zone.name, zone.numbers["free"], zone.numbers["high"]) == (
        0,
        "DMA32",
        4096,
        3072,
    )
    assert zone.blocks == [1000, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert zone.letters[:3] == ["UM", "U", None]
    assert zone.lowmem_reserve == [0, 0, 0, 0]
    assert report.counters["inactive_file"] == 40
    assert not report.is_truncated


def test_a_report_cut_short_says_so() -> None:
    lines = REPORT.splitlines(keepends=True)
    (report,) = parse_log("".join(lines[:9]).encode()).reports
    assert report.is_truncated
    assert report.zones == []


def test_threads_named_in_prefixes_are_kept_apart() -> None:
    first, second = _plain(), [line.replace("eth0-irq", "other") for line in _plain()]
    mixed = "".join(
        f"[  1.000000][  T1] {one}\n[  1.000000][  T2] {two}\n"
        for one, two in zip(first, second, strict=True)
    )
    reports = parse_log(mixed.encode()).reports
    assert [report.comm for report in reports] == ["eth0-irq", "other"]
    assert all(report.zones[0].blocks for report in reports)
    assert not any(report.entangled for report in reports)


def test_rate_limit_injection_and_syslog_folding_are_noted() -> None:
    text = (
        "warn_alloc: 7 callbacks suppressed\n"
        "FAULT_INJECTION: forcing a failure.\n"
        "sh: page allocation failure: order:0, mode:0x20\n"
        "Mar  3 10:00:00 box last message repeated 3 times\n"
    )
    logs = parse_log(text.encode())
    (report,) = logs.reports
    assert [(item.function, item.count, item.line) for item in logs.suppressed] == [
        ("warn_alloc", 7, 1)
    ]
    assert (report.suppressed, report.injected_line, report.repeats) == (7, 2, 3)


def test_reports_far_into_a_long_journal_keep_their_lines() -> None:
    noise = b"Mar  3 10:00:00 box app[9]: something happened to nobody in particular\n" * 40000
    logs = parse_log(noise + REPORT.encode() + noise + REPORT.encode())
    size = len(REPORT.splitlines())
    assert [report.line for report in logs.reports] == [40001, 80001 + size]
    assert logs.lines == 80000 + 2 * size


def test_other_words_about_allocation_are_no_reports() -> None:
    text = b"app: memory allocation failed\nfoo: failed to allocate 4 pages\n"
    assert parse_log(text).reports == []


def test_ground_truth(failure_reports_dir: Path) -> None:
    result = kernel_log_score.score(failure_reports_dir)
    assert result.extra == 0
    assert result.found >= 0.97 * result.wanted, result.misses
    assert result.right >= 0.98 * result.fields, result.misses
    assert result.callers_right >= 0.90 * result.callers, result.misses


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_never_raises(data: st.DataObject) -> None:
    lines = REPORT.encode().splitlines(keepends=True) * 2
    order = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=60))
    text = bytearray(b"".join(lines[number] for number in order))
    for _ in range(data.draw(st.integers(0, 12))):
        if text:
            text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(text)))
    logs = parse_log(bytes(text[:cut]))
    for report in logs.reports:
        assert 1 <= report.line <= report.last_line <= max(logs.lines, 1)
        assert all(number >= 0 for zone in report.zones for number in zone.numbers.values())


def test_a_header_wrapped_anywhere_is_joined() -> None:
    text = (
        b"kworker/0:1: page allocation\nfailure: order:3,\n"
        b"mode:0x40dc0(GFP_KERNEL|__GFP_COMP|\n__GFP_ZERO), nodemask=(null)\n"
    )
    (report,) = parse_log(text).reports
    assert (report.comm, report.order) == ("kworker/0:1", 3)
    assert report.gfp == ["GFP_KERNEL", "__GFP_COMP", "__GFP_ZERO"]
