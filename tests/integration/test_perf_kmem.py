"""Our totals against those of ``perf kmem stat --page`` on the same recording."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from buddysim.report.inspect import inspect_trace
from buddysim.source.open import open_trace

EVENTS = "kmem:mm_page_alloc,kmem:mm_page_free"
WORK = "ls /usr/lib > /dev/null; cat /bin/sh | gzip -c > /dev/null"
# perf's headings are those of kernels before 4.4: its second column is migratetype 1.
COLUMNS = ("UNMOVABLE", "MOVABLE", "RECLAIMABLE")


def test_totals_equal_perfs_and_rows_are_named_right(tmp_path: Path) -> None:
    perf = shutil.which("perf")
    if perf is None:
        pytest.skip("perf is not installed")
    data = str(tmp_path / "perf.data")
    record = [perf, "record", "-q", "-o", data, "-e", EVENTS, "--", "sh", "-c", WORK]
    if subprocess.run(record, capture_output=True, check=False).returncode:
        pytest.skip("perf may not record kmem events here")
    told = subprocess.run(
        [perf, "kmem", "-i", data, "--page", "stat"], capture_output=True, text=True, check=True
    ).stdout
    found = inspect_trace(open_trace(data))
    for words, ours in (
        ("allocation requests", found.events_by_kind["mm_page_alloc"]),
        ("free requests", found.events_by_kind["mm_page_free"]),
        ("allocation failures", found.failed_allocations),
    ):
        theirs = re.search(rf"Total {words}\s*:\s*(\d+)", told)
        assert theirs is not None
        assert int(theirs[1]) == ours, words
    for order, *counts in re.findall(r"^ +(\d+) +(\S+) +(\S+) +(\S+) +\S+ +\S+$", told, re.M):
        theirs_by_type = [0 if count == "." else int(count) for count in counts]
        assert theirs_by_type == [found.orders_by_migratetype[name][int(order)] for name in COLUMNS]
