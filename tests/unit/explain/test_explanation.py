"""Causes, verdicts, replays and advice, on ground truth, on kernels' own dumps, on small logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from buddysim.explain.asked import read_asked
from buddysim.explain.explanation import Explanation, explain_reports
from buddysim.source.kernel_log import parse_log, parse_log_file
from buddysim.source.kernel_log_model import FailureReport

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "dmesg"
CAUSES = {
    "reserve-exhausted(watermark)": "below-watermark",
    "fragmentation": "fragmented",
    "true-exhaustion": "exhausted",
    "cma-only-free": "reserved",
    "zone-restricted": "zone-restricted",
    "impossible-request": "impossible-order",
    "unknown-truncated": "unknown",
    "other": "other",
}


def explain_text(text: str, profile: str | None = None) -> list[Explanation]:
    return list(explain_reports(parse_log(text.encode()).reports, profile))


def sample() -> str:
    return (CORPUS / "rx-refill.txt").read_text(encoding="utf-8")


def test_a_fragmented_zone_refuses_and_a_smaller_order_would_do() -> None:
    (item,) = explain_text(sample())
    assert (item.caller, item.cause.name, item.verdict.name) == (
        "foo_rx_refill",
        "fragmented",
        "harmless",
    )
    assert item.replayed is not None
    assert item.replayed.failure is not None
    assert item.replayed.failure.cause == "fragmented"
    orders = [advice.value for advice in item.advice if advice.setting == "order"]
    assert orders == [1]
    assert not [advice for advice in item.advice if advice.setting == "vm.min_free_kbytes"]
    assert set(item.cause.lines) >= {1, 14, 16}


def test_a_state_that_grants_the_request_is_said_to() -> None:
    text = sample().replace("12*8kB (U) 0*16kB", "8*8kB (U) 2*16kB (M)")
    (item,) = explain_text(text)
    assert item.replayed is not None
    assert item.replayed.granted
    assert item.cause.confidence < 0.6


def test_an_atomic_shortage_gets_the_smallest_sufficient_min_free_kbytes() -> None:
    text = sample().replace("order:2", "order:0").replace("free:4096kB", "free:600kB")
    text = text.replace("1000*4kB (UM) 12*8kB (U)", "150*4kB (UM) 0*8kB").replace("= 4096", "= 600")
    (item,) = explain_text(text)
    assert item.cause.name == "below-watermark"
    (advice,) = [each for each in item.advice if each.setting == "vm.min_free_kbytes"]
    assert advice.replayed
    assert isinstance(advice.value, int)
    assert advice.value > 2048
    assert f"vm.min_free_kbytes={advice.value}" in advice.action


def test_only_cma_left_is_reserved() -> None:
    text = sample().replace("free_cma:0kB", "free_cma:3600kB").replace("(UM)", "(C)")
    text = text.replace("12*8kB (U) 0*16kB", "8*8kB (C) 2*16kB (C)")
    (item,) = explain_text(text)
    assert item.cause.name == "reserved"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "FAULT_INJECTION: forcing a failure.\n"
            "sh: page allocation failure: order:0, mode:0x20\n",
            "injected",
        ),
        ("sh: page allocation failure: order:11, mode:0xcc0(GFP_KERNEL)\n", "impossible-order"),
        ("sh: vmalloc: allocation failure: 0 bytes, mode:0xcc0(GFP_KERNEL)\n", "impossible-order"),
        ("sh: vmalloc error: size 81920000, exceeds total pages, mode:0xcc0\n", "impossible-order"),
        (
            "sh invoked oom-killer: gfp_mask=0xcc0, order=0\nCall Trace:\n dump_stack+0x1/0x2\n"
            " mem_cgroup_out_of_memory+0x1/0x2\n",
            "other",
        ),
        ("sh: page allocation failure: order:3, mode:0xcc0(GFP_KERNEL)\n", "unknown"),
    ],
)
def test_causes_without_a_dump(text: str, cause: str) -> None:
    (item,) = explain_text(text)
    assert item.cause.name == cause
    assert item.replayed is None


def test_a_mask_without_version_keeps_every_reading() -> None:
    report = FailureReport("page_alloc", 1, 1, order=0, mode="0x20")
    asked = read_asked(report)
    assert not asked.is_era_known
    assert {era for era, _ in asked.readings} > {"2.6.32"}
    assert not asked.may_sleep
    assert read_asked(report, "6.12").readings[0][0] == "6.12"


def test_causes_agree_with_ground_truth(failure_reports_dir: Path) -> None:
    known = right = 0
    differences = []
    for path in sorted(failure_reports_dir.glob("[0-9]*.json")):
        truth = {(r["line"], r["kind"]): r for r in json.loads(path.read_text("utf-8"))["reports"]}
        reports = parse_log_file(path.with_suffix(".txt")).reports
        for item in explain_reports(reports, replays=0):
            label = truth[item.report.line, item.report.kind]["root_cause"]
            if label is None:
                continue
            wanted = CAUSES[label]
            if wanted == "unknown":
                assert item.cause.name == "unknown", (path.name, item.report.line)
                continue
            known += 1
            right += item.cause.name == wanted
            if item.cause.name != wanted:
                differences.append((path.name, item.report.line, item.cause.name, wanted))
    assert right >= 0.85 * known, differences


def test_dumps_of_recorded_kernels_are_read_whole(oracle_dir: Path) -> None:
    warnings = oracle_dir.glob("*warnings/*.dmesg.txt")
    logs = sorted([*warnings, *oracle_dir.glob("*ftrace/*/dmesg.txt")])
    assert logs
    for path in logs:
        text = path.read_text("utf-8", "replace")
        found = parse_log(text.encode()).reports
        headers = re.findall(r"^.*page allocation failure: order:(\d+)", text, re.MULTILINE)
        orders = [report.order for report in found if report.kind == "page_alloc"]
        assert orders == [int(order) for order in headers], path


def test_recorded_requests_fail_again_for_the_stated_cause(oracle_dir: Path) -> None:
    paths = sorted(oracle_dir.glob("*warnings/*.dmesg.txt"))
    refused = agreed = 0
    for path in paths:
        for item in explain_reports(parse_log_file(path).reports, replays=1):
            if item.replayed is not None and item.replayed.failure is not None:
                refused += 1
                agreed += item.replayed.failure.cause == item.cause.name
    assert refused
    assert agreed >= 0.95 * refused
