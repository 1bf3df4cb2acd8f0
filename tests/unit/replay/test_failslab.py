"""failslab over a recording: slab requests fail, page requests do not notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.source.open import open_trace

HEAD = "# tracer: nop\n#\n#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
SLAB = (
    "   sh-{n}  [000] .....  1.{n:06d}: kmem_cache_alloc: call_site=getname+0x2a/0x190 "
    "ptr=00000000{n:08x} bytes_req=64 bytes_alloc=64 gfp_flags={gfp} node=-1 accounted=false\n"
)
PAGE = (
    "   sh-{n}  [000] .....  1.{n:06d}: mm_page_alloc: page=00000000{n:08x} pfn=0x{n:x} order=0 "
    "migratetype=0 gfp_flags=GFP_KERNEL\n"
)


def run(folder: Path, *faults: str) -> RunResult:
    path = folder / "trace.txt"
    lines = [
        PAGE.format(n=n) if n % 3 == 0 else SLAB.format(n=n, gfp="GFP_ATOMIC")
        for n in range(100, 160)
    ]
    path.write_text(HEAD + "".join(lines))
    return replay(open_trace(str(path)), ReplayConfig(faults=faults))


def test_only_slab_requests_fail(tmp_path: Path) -> None:
    result = run(tmp_path, "failslab:probability=100,times=7")
    assert result.totals.failed_injected == 7
    assert {row.origin for row in result.failures} == {"injected"}
    assert result.totals.succeeded == 20


@pytest.mark.parametrize("fault", ["failslab:probability=0", "fail_page_alloc:probability=0"])
def test_probability_0_changes_nothing(tmp_path: Path, fault: str) -> None:
    assert run(tmp_path, fault).digest == run(tmp_path).digest


def test_page_injection_leaves_slab_requests_alone(tmp_path: Path) -> None:
    result = run(tmp_path, "fail_page_alloc:probability=100,min-order=0,ignore-gfp-wait=N")
    assert result.totals.failed_injected == 20
