"""What-if: knobs, machines with more memory, split requests, and the search on the curve."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import ConfigError
from buddysim.mm.machine import build_machine
from buddysim.mm.spec import MachineSpec
from buddysim.mm.validate import validate_machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.enlarge import only_grows, resized, size_of
from buddysim.replay.split_orders import split_orders
from buddysim.replay.start import machine_spec_for
from buddysim.replay.sweep import MAX_RUNS, Sweep, sweep
from buddysim.replay.what_if import knob_of
from buddysim.source.event import EventBatch, EventKind, Trace
from buddysim.source.open import open_trace

TRACES = Path(__file__).resolve().parents[3] / "traces"
GROWN = str(TRACES / "workload-6.18" / "tracecmd-fork-tcp.txt.zst")
EXACT = str(TRACES / "oom-6.12" / "trace.txt.zst")
COUNTED = str(TRACES / "tcp-stack-6.12" / "trace.txt.zst")
GREEDY = """\
@machine  mem=4M profile=6.12 min_free_kbytes=128
0.001     hoarder  alloc big gfp=GFP_KERNEL repeat=1600
+1us      late     alloc rx gfp=GFP_ATOMIC repeat=40
"""
SCATTERED = """\
@machine  mem=4M profile=6.12 min_free_kbytes=128
@fill     order=0 gfp=GFP_USER|__GFP_MEMALLOC until_free=0 free=every2
@caller   nic   context=softirq  on_failure=fallback:1,drop
@caller   disk  context=process  on_failure=error:ENOMEM
0.001     nic   alloc rx order=2 gfp=GFP_ATOMIC repeat=5
+1us      nic   use rx
+1us      nic   free rx
+1us      disk  alloc b order=1 gfp=GFP_NOIO|__GFP_NORETRY
+1us      disk  free b order=0 part=1
+1us      disk  free b order=0 part=0
"""


@pytest.fixture(name="script")
def _script(tmp_path: Path) -> Path:
    return tmp_path / "story.trace"


def swept(script: Path, text: str, knob: str, jobs: int = 1, **changes: object) -> Sweep:
    """Write a script and sweep a knob over it."""
    script.write_text(text, encoding="utf-8")
    config = ReplayConfig(**changes)  # type: ignore[arg-type]  # checked by the class
    return sweep(str(script), config, knob_of(knob, str(script), config), jobs=jobs)


# The search.


def test_the_smallest_memory_that_suffices_is_bracketed(script: Path) -> None:
    found = swept(script, GREEDY, "mem")
    assert found.found is not None
    assert found.last_failing is not None
    assert found.last_failing.value == 4 << 20
    assert found.found.value == 8 << 20
    assert found.monotone
    assert found.base is not None
    assert len(found.trials) <= MAX_RUNS


def test_bisection_comes_as_close_as_one_percent(script: Path) -> None:
    # 1,640 pages and the reserve: between 4 MiB and 1 GiB only bisection finds 8 MiB.
    found = swept(script, GREEDY, "mem=4M..1G")
    assert found.found is not None
    assert found.last_failing is not None
    assert (found.last_failing.value, found.found.value) == (4 << 20, 8 << 20)


@pytest.mark.parametrize("jobs", [2, 3])
def test_jobs_draw_the_same_curve(script: Path, jobs: int) -> None:
    alone = swept(script, GREEDY, "mem=4M..1G")
    assert swept(script, GREEDY, "mem=4M..1G", jobs).trials == alone.trials


def test_each_trial_is_a_replay_of_its_own(script: Path) -> None:
    found = swept(script, GREEDY, "min_free_kbytes")
    for trial in found.trials[::3]:
        setting = (f"min_free_kbytes={trial.value}",)
        run = replay(open_trace(str(script)), ReplayConfig(sysctl=setting))
        assert (trial.natural, trial.digest) == (run.totals.failed_natural, run.digest)


def test_none_suffices_and_the_curve_rises(script: Path) -> None:
    found = swept(script, GREEDY, "min_free_kbytes")
    assert found.found is None
    assert found.last_failing is None
    assert not found.monotone
    assert [trial.value for trial in found.trials] == sorted(trial.value for trial in found.trials)


def test_the_present_value_is_the_plain_replay(script: Path) -> None:
    found = swept(script, GREEDY, "min_free_kbytes")
    plain = replay(open_trace(str(script)))
    assert (
        next(each.digest for each in found.trials if each.value == found.knob.now) == plain.digest
    )


def test_injected_failures_do_not_count(script: Path) -> None:
    found = swept(script, GREEDY, "mem", faults=("caller=late,nth=1",))
    assert found.found is not None
    assert all(trial.injected == 1 for trial in found.trials)
    assert "injected" not in found.found.failed_by_cause


# Orders.


def test_splitting_some_orders_is_enough(script: Path) -> None:
    found = swept(script, SCATTERED, "order")
    assert [trial.value for trial in found.trials] == [3, 2, 1]
    assert [trial.remaining for trial in found.trials][-1] == 0
    assert found.found is not None
    assert found.found.value == 1
    only = swept(script, SCATTERED, "order:nic")
    assert only.found is None
    assert only.trials[-1].remaining == 1


def test_a_split_script_frees_every_page(script: Path) -> None:
    script.write_text(SCATTERED, encoding="utf-8")
    run = replay(split_orders(open_trace(str(script)), "*", 1))
    assert run.totals.failed == 0
    assert run.totals.attempted == 5 * 4 + 2
    assert sum(stats.live_pages for stats in run.callers) == 0
    assert run.totals.by_order[0] == run.totals.attempted


def columns(trace: Trace) -> list[EventBatch]:
    """All of a trace."""
    return list(trace.batches())


def test_a_split_recording_asks_for_the_same_pages() -> None:
    alloc = int(EventKind.ALLOC)
    whole, split = columns(open_trace(COUNTED)), columns(split_orders(open_trace(COUNTED), "*", 1))
    pages = [
        sorted(
            pfn + page
            for batch in batches
            for kind, pfn, order in zip(batch.kind, batch.pfn, batch.order, strict=True)
            if kind == alloc and pfn >= 0
            for page in range(1 << order)
        )
        for batches in (whole, split)
    ]
    assert pages[0] == pages[1]
    assert not any(
        order and kind == alloc
        for batch in split
        for kind, order in zip(batch.kind, batch.order, strict=True)
    )
    first = 0
    for batch in split:
        assert batch.first == first
        assert len({len(getattr(batch, name)) for name in EventBatch.columns}) == 1
        first += len(batch)


def test_a_split_recording_leaves_as_much_behind() -> None:
    runs = [
        replay(trace) for trace in (open_trace(COUNTED), split_orders(open_trace(COUNTED), "*", 1))
    ]
    held = [sum(stats.live_pages for stats in run.callers) for run in runs]
    assert held[0] == held[1]
    assert runs[1].reconciled.get("order_mismatch", 0) == 0


# More memory.


@pytest.mark.parametrize("path", [EXACT, COUNTED, GROWN], ids=["lists", "counts", "grown"])
def test_added_memory_is_free_and_sound(path: str) -> None:
    spec = machine_spec_for(open_trace(path), ReplayConfig())
    assert only_grows(spec)
    extra = 64 << 20
    before, after = build_machine(spec), build_machine(resized(spec, size_of(spec) + extra))
    validate_machine(after)
    free = [sum(zone.true_free for zone in machine.zones) for machine in (before, after)]
    assert free[1] - free[0] == extra // 4096
    managed = [sum(zone.managed for zone in machine.zones) for machine in (before, after)]
    assert managed[1] - managed[0] == extra // 4096
    assert after.zones[-1].nr_free[10] - before.zones[-1].nr_free[10] == 16


def test_a_machine_without_past_is_built_in_the_size_asked_for(script: Path) -> None:
    script.write_text(GREEDY, encoding="utf-8")
    spec = machine_spec_for(open_trace(str(script)), ReplayConfig())
    assert not only_grows(spec)
    assert resized(spec, 4 << 20) is spec
    larger = resized(spec, 8 << 20)
    assert sum(zone.present for zone in larger.zones) == 2048
    assert larger.sysctl == spec.sysctl


def test_a_machine_written_down_keeps_its_nodes(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    nodes = "".join(
        f'[[zone]]\nname = "Normal"\nnode = {node}\nstart_pfn = {node << 14}\nsize = "64M"\n'
        for node in range(2)
    )
    path.write_text(f"cpus = 2\n{nodes}", encoding="utf-8")
    spec = MachineSpec.from_toml(path)
    assert only_grows(spec)
    assert size_of(spec) == 128 << 20
    machine = build_machine(resized(spec, 160 << 20))
    validate_machine(machine)
    assert [zone.managed for zone in machine.zones] == [16384, 16384 + 8192]


# What the words mean.


@pytest.mark.parametrize(
    "text",
    [
        "", "memory", "mem=", "mem=1G", "mem=1G..1G", "mem=2M..1G", "mem=x..y", "min_free_kbytes=",
        "min_free_kbytes=0..5", "min_free_kbytes=1..9999999", "min_free_kbytes:nic", "order=2",
        "order:", "order:nobody",
    ],
)  # fmt: skip
def test_other_words_are_refused(script: Path, text: str) -> None:
    script.write_text(SCATTERED, encoding="utf-8")
    with pytest.raises(ConfigError):
        knob_of(text, str(script), ReplayConfig())


def test_a_recorded_machine_cannot_shrink() -> None:
    with pytest.raises(ConfigError, match="or more"):
        knob_of("mem=16M..64G", COUNTED, ReplayConfig())
