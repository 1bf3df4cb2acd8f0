"""What a recording tells besides pages: rights of tasks, reclaim, boost, migration, pcp moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from buddysim.kernel.context import Context
from buddysim.kernel.gfp import parse_names
from buddysim.mm.machine import Machine, build_machine
from buddysim.mm.spec import MachineSpec, Sysctl
from buddysim.mm.validate import validate_machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import new_run, play_rows, prepare_batch
from buddysim.replay.policies import install_policies
from buddysim.replay.recorded import RecordedRows
from buddysim.replay.run import Run
from buddysim.source.event import EventBatch, EventKind, Tables, TraceMeta

KERNEL = parse_names("GFP_KERNEL", "6.12")
NOWAIT = parse_names("GFP_NOWAIT", "6.12")
NORETRY = parse_names("GFP_KERNEL|__GFP_NORETRY", "6.12")
GUARDED = parse_names("GFP_NOWAIT|__GFP_NOMEMALLOC", "6.12")
MOVABLE = parse_names("GFP_HIGHUSER_MOVABLE", "6.12")
SHELL, KSWAPD, KCOMPACTD = 1, 2, 3


@dataclass
class Told:
    meta: TraceMeta
    tables: Tables


class Scene:
    """A small machine whose recording is told row by row."""

    def __init__(self, *, exact: bool = True) -> None:
        spec = MachineSpec.from_mem(16 << 20, profile="6.12", sysctl=Sysctl(min_free_kbytes=1024))
        self.machine: Machine = build_machine(spec)
        install_policies(self.machine, recording=True)
        tables = Tables(callers=["?"], tasks=["?", "sh-7", "kswapd0-29", "kcompactd0-30"])
        told = Told(TraceMeta("x.txt", "ftrace", profile="6.12"), tables)
        config = ReplayConfig(machine_spec=spec, warn="silent")
        self.run: Run = new_run(told, config, self.machine)
        self.run.exact_start = exact
        self.rows = RecordedRows(self.run, steered=True)
        self.batch = EventBatch()
        self.meta = told.meta

    def row(self, kind: EventKind, *, task: int = SHELL, **columns: int) -> None:
        self.batch.append(int(kind), time_ns=len(self.batch), task=task, line=1, **columns)

    def play(self) -> list[int]:
        """Replay what was told; the outcomes."""
        prepare_batch(self.run, self.meta, self.batch)
        self.rows.prepare(self.batch)
        play_rows(self.run, self.rows, self.batch, 0, len(self.batch))
        first = self.batch.first + len(self.batch)
        self.batch = EventBatch(first)
        return list(self.run.loop.results.drain())

    def drain_to(self, free: int) -> None:
        """Leave so many pages free."""
        zone = self.machine.zones[0]
        while zone.true_free > free:
            zone.rmqueue_smallest(0, 1)

    @property
    def missed(self) -> int:
        return self.run.result.reconciled.get("failed_but_model_has_page", 0)


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    validate_machine(scene.machine)


def at_min(scene: Scene, *, above: int) -> None:
    scene.drain_to(scene.machine.zones[0].mark_min + above)


@pytest.mark.parametrize(("above", "missed"), [(0, 0), (1, 1)])
def test_a_failure_is_foreseen_when_free_is_at_the_mark(
    scene: Scene, above: int, missed: int
) -> None:
    at_min(scene, above=above)
    scene.rows.steering.traffic.free = [zone.true_free for zone in scene.machine.zones]
    scene.row(EventKind.ALLOC, pfn=-1, gfp=NOWAIT)
    scene.play()
    assert scene.missed == missed


def test_kswapd_may_use_the_reserves_unless_the_mask_forbids(scene: Scene) -> None:
    at_min(scene, above=-100)
    scene.row(EventKind.ALLOC, pfn=70, gfp=NOWAIT, task=KSWAPD)
    scene.row(EventKind.ALLOC, pfn=71, gfp=GUARDED, task=KSWAPD)
    granted, refused = scene.play()
    assert granted >= 0
    assert refused == -1


def test_a_task_has_the_reserves_only_while_it_reclaims(scene: Scene) -> None:
    at_min(scene, above=-100)
    scene.row(EventKind.RECLAIM_BEGIN, gfp=KERNEL)
    scene.row(EventKind.ALLOC, pfn=70, gfp=NOWAIT)
    scene.row(EventKind.RECLAIM_END, aux=0)
    scene.row(EventKind.ALLOC, pfn=71, gfp=NOWAIT)
    inside, after = scene.play()
    assert inside >= 0
    assert after == -1


def test_an_interrupt_does_not_inherit_the_rights_of_the_task(scene: Scene) -> None:
    at_min(scene, above=-100)
    scene.row(EventKind.ALLOC, pfn=70, gfp=NOWAIT, task=KSWAPD, context=int(Context.HARDIRQ))
    assert scene.play() == [-1]


def test_where_reclaim_began_the_kernel_had_been_refused(scene: Scene) -> None:
    """Whatever the model thought it had: a request that may not retry then fails."""
    at_min(scene, above=50)
    scene.row(EventKind.RECLAIM_BEGIN, gfp=NORETRY)
    scene.row(EventKind.RECLAIM_END, aux=0)
    scene.row(EventKind.ALLOC, pfn=-1, gfp=NORETRY)
    scene.play()
    assert scene.missed == 0
    assert scene.machine.zones[0].true_free == scene.machine.zones[0].mark_min


def test_after_reclaim_with_progress_the_lists_are_asked_again(scene: Scene) -> None:
    at_min(scene, above=0)
    scene.row(EventKind.RECLAIM_BEGIN, gfp=NORETRY)
    scene.row(EventKind.RECLAIM_END, aux=32)
    scene.play()
    scene.machine.free_pages(10, 0)
    scene.machine.drain_all_pages()
    scene.row(EventKind.ALLOC, pfn=64, gfp=NORETRY)
    assert scene.play()[0] >= 0


def test_an_oom_victim_may_go_half_as_low(scene: Scene) -> None:
    at_min(scene, above=-20)
    scene.row(EventKind.ALLOC, pfn=70, gfp=NOWAIT)
    scene.row(EventKind.MARK_VICTIM, aux=7)
    scene.row(EventKind.ALLOC, pfn=71, gfp=NOWAIT)
    before, after = scene.play()
    assert before == -1
    assert after >= 0


def test_a_finished_kswapd_run_takes_back_the_boost_it_began_with(scene: Scene) -> None:
    zone = scene.machine.zones[0]
    zone.boost = 512
    scene.row(EventKind.KSWAPD_WAKE, task=KSWAPD, aux=0)
    scene.play()
    assert zone.reclaim_active
    zone.boost += 100
    scene.row(EventKind.KSWAPD_SLEEP, task=KSWAPD, aux=0)
    scene.play()
    assert zone.boost == 100
    assert not zone.reclaim_active


def test_a_run_is_over_after_kswapds_last_event(scene: Scene) -> None:
    zone = scene.machine.zones[0]
    zone.boost = 512
    scene.row(EventKind.KSWAPD_WAKE, task=KSWAPD, aux=0)
    scene.row(EventKind.FREE, task=KSWAPD, pfn=9)
    scene.row(EventKind.RECLAIM_END, aux=0)
    scene.row(EventKind.KSWAPD_WAKE, task=KSWAPD, aux=0)
    prepare_batch(scene.run, scene.meta, scene.batch)
    scene.rows.prepare(scene.batch)
    play_rows(scene.run, scene.rows, scene.batch, 0, 3)
    assert zone.boost == 0


def test_refills_and_drains_come_from_the_recording(scene: Scene) -> None:
    zone = scene.machine.zones[0]
    start = zone.true_free
    for page in range(4):
        scene.row(EventKind.ZONE_LOCKED, pfn=64 + page, migratetype=0, aux=1)
    scene.row(EventKind.ALLOC, pfn=64, gfp=KERNEL)
    scene.play()
    assert (zone.true_free, zone.free_pcp) == (start - 4, 3)
    scene.row(EventKind.FREE, pfn=64)
    scene.row(EventKind.PCPU_DRAIN, pfn=67, migratetype=0)
    scene.play()
    assert (zone.true_free, zone.free_pcp) == (start - 3, 3)


def test_a_request_is_checked_before_the_refill_that_it_causes(scene: Scene) -> None:
    at_min(scene, above=1)
    traffic = scene.rows.steering.traffic
    traffic.free = [zone.true_free for zone in scene.machine.zones]
    for page in range(4):
        scene.row(EventKind.ZONE_LOCKED, pfn=64 + page, migratetype=0, aux=1)
    scene.row(EventKind.ALLOC, pfn=64, gfp=NOWAIT)
    assert scene.play()[0] >= 0
    assert scene.machine.zones[0].true_free == scene.machine.zones[0].mark_min - 3


def test_a_gap_in_the_recording_ends_the_following(scene: Scene) -> None:
    scene.row(EventKind.ZONE_LOCKED, pfn=64, migratetype=0, aux=1)
    scene.row(EventKind.LOST, aux=1000)
    scene.play()
    assert not scene.rows.steering.traffic.active
    assert not scene.machine.zones[0].pcp_told


def test_without_an_exact_start_pcp_events_steer_nothing() -> None:
    scene = Scene(exact=False)
    scene.row(EventKind.ZONE_LOCKED, pfn=64, migratetype=0, aux=1)
    scene.play()
    assert not scene.rows.steering.traffic.active


def test_a_recorded_fallback_raises_the_boost_not_the_models_own(scene: Scene) -> None:
    zone = scene.machine.zones[0]
    scene.row(EventKind.EXTFRAG, pfn=64, order=0, migratetype=0, aux=8 | 1 << 8 | 1 << 16 | 1 << 17)
    scene.row(EventKind.ALLOC, pfn=64, gfp=KERNEL)
    scene.row(EventKind.WAKEUP_KSWAPD, gfp=KERNEL)
    scene.play()
    assert zone.boost_factor == 0
    assert zone.boost == 512


def test_a_migrated_page_lives_on_until_an_unknown_page_is_freed(scene: Scene) -> None:
    zone = scene.machine.zones[0]
    scene.row(EventKind.ALLOC, pfn=64, gfp=MOVABLE)
    scene.play()
    before = zone.true_free + zone.free_pcp
    scene.row(EventKind.COMPACTION_BEGIN, task=KCOMPACTD)
    scene.row(EventKind.FREE, task=KCOMPACTD, pfn=64)
    scene.row(EventKind.COMPACTION_END, task=KCOMPACTD)
    scene.play()
    assert zone.true_free + zone.free_pcp == before, "one freed, one taken in its place"
    scene.row(EventKind.FREE, pfn=90)
    scene.play()
    assert zone.true_free + zone.free_pcp == before + 1


def test_a_target_that_was_not_needed_changes_nothing(scene: Scene) -> None:
    zone = scene.machine.zones[0]
    before = zone.true_free + zone.free_pcp
    scene.row(EventKind.COMPACTION_BEGIN, task=KCOMPACTD)
    scene.row(EventKind.FREE, task=KCOMPACTD, pfn=90)
    scene.row(EventKind.COMPACTION_END, task=KCOMPACTD)
    scene.play()
    assert zone.true_free + zone.free_pcp == before
