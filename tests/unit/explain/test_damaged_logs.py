"""Damaged logs: never a traceback, never a number the log does not hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from buddysim.explain.explanation import explain_reports
from buddysim.present.explain import explain_markdown, explain_summary, explain_text
from buddysim.report.explain import ExplainedLog, explain_document
from buddysim.source.kernel_log import parse_log

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "dmesg"
LINES = (CORPUS / "rx-refill.txt").read_bytes().splitlines(keepends=True)


@settings(max_examples=60, deadline=None)
@example(order=[], flips=[(657, 0)], digits=[657])
@given(
    order=st.lists(st.integers(0, len(LINES) - 1), max_size=40),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    digits=st.lists(st.integers(0, 10_000), max_size=4),
)
def test_damage_is_explained_without_a_traceback(
    order: list[int], flips: list[tuple[int, int]], digits: list[int]
) -> None:
    text = bytearray(b"".join([*LINES, *(LINES[number] for number in order)]))
    for place, value in flips:
        text[place % len(text)] = value
    for place in digits:
        text[place % len(text) : place % len(text)] = b"9"
    found = parse_log(bytes(text))
    items = tuple(explain_reports(found.reports, replays=1))
    log = ExplainedLog("log", items, tuple(found.suppressed), found.lines)
    document = json.loads(json.dumps(explain_document([log])))
    assert len(document["reports"]) == len(items)
    assert explain_text([log])
    assert explain_markdown([log])
    assert explain_summary([log]).startswith("LOG")
    _numbers_are_in_the_log(document, text.decode("utf-8", "replace"))


def _numbers_are_in_the_log(document: dict[str, object], text: str) -> None:
    printed = {int(number) for number in re.findall(r"\d+", text)}
    reports = document["reports"]
    assert isinstance(reports, list)
    for report in reports:
        for zone in report["zones"]:
            for key in ("free_kb", "min_kb", "low_kb", "high_kb"):
                assert zone[key] is None or zone[key] in printed
