"""Two runs side by side: the stepper repeats a replay, and divergences are the first ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.mm.spec import MachineSpec
from buddysim.replay.comparison import Comparison, Side, compare
from buddysim.replay.config import ReplayConfig
from buddysim.replay.digest import RunDigest
from buddysim.replay.engine import replay
from buddysim.replay.stepper import Stepper
from buddysim.source.open import open_trace

TRACES = Path(__file__).resolve().parents[3] / "traces"
EXACT = str(TRACES / "manyfiles-6.12" / "trace.txt.zst")
STORY = """\
@machine  mem=4M profile=6.12 min_free_kbytes=128
0.001     hoarder  alloc big gfp=GFP_KERNEL repeat=980
+1us      late     alloc rx gfp=GFP_ATOMIC repeat=40
+1us      late     free rx
"""
JUMBO = str(TRACES / "jumbo-frames.trace")
RECORDING = str(TRACES / "tcp-stack-6.12" / "trace.txt.zst")


@pytest.fixture(name="story", scope="module")
def _story(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a script in which a hoarder takes nearly everything."""
    path = tmp_path_factory.mktemp("story") / "story.trace"
    path.write_text(STORY, encoding="utf-8")
    return str(path)


def side(path: str, **changes: object) -> Side:
    """A side under some settings."""
    return Side(path, ReplayConfig(**changes))  # type: ignore[arg-type]  # checked by the class


def level(found: Comparison, name: str) -> int | None:
    """Event of one divergence."""
    return next((each.event for each in found.divergences if each.level == name), None)


class Column:
    """Outcomes as the digest takes them."""

    def __init__(self, stepper: Stepper, events: int) -> None:
        self._outcomes = stepper.play(events)

    def drain(self) -> object:
        """All of them."""
        return self._outcomes


@pytest.mark.parametrize("path", [JUMBO, RECORDING, EXACT], ids=["script", "counts", "lists"])
@pytest.mark.parametrize("stretch", [1, 777, 1 << 20])
def test_stepping_repeats_the_replay(path: str, stretch: int) -> None:
    expected = replay(open_trace(path))
    stepper, digest = Stepper(open_trace(path), ReplayConfig()), RunDigest()
    while stepper.next_event() is not None:
        digest.take(Column(stepper, stretch))  # type: ignore[arg-type]  # it only drains
    # A story's end may still free what its callers hold.
    digest_of_rows = digest.finish(stepper.machine)
    assert digest_of_rows == expected.digest


def test_equal_sides_are_the_same(story: str) -> None:
    found = compare(side(story), side(story), jobs=2)
    assert found.same
    assert not found.divergences
    assert found.looked_at_every_failure


def test_a_higher_mark_refuses_first_where_the_failure_lists_part(story: str) -> None:
    found = compare(side(story), side(story, sysctl=("min_free_kbytes=1024",)))
    events = [{row.event for row in run.failures} for run in found.runs]
    assert level(found, "result") == min(events[0] ^ events[1])
    parting = next(each for each in found.divergences if each.level == "result")
    assert parting.a.outcome == "succeeded"
    assert parting.b.outcome == "failed"
    assert parting.b.failure is not None
    assert parting.b.failure.cause == "below-watermark"
    assert parting.b.zones[0].min == 256
    assert parting.a.zones[0].free == parting.b.zones[0].free


def test_an_injected_failure_parts_the_runs_where_it_is(story: str) -> None:
    found = compare(side(story), side(story, faults=("caller=hoarder,nth=9",)), jobs=2)
    injected = next(row.event for row in found.runs[1].failures if row.origin == "injected")
    assert [(each.level, each.event) for each in found.divergences] == [("result", injected)]


def test_another_machine_gives_other_pages_before_it_gives_other_results(story: str) -> None:
    small = side(story, sysctl=("min_free_kbytes=1024",))
    large = side(story, machine_spec=MachineSpec.from_mem(128 << 20))
    found = compare(small, large)
    page, result = level(found, "page"), level(found, "result")
    assert page is not None
    assert result is not None
    assert page < result
    first = found.divergences[0]
    assert first.a.pfns != first.b.pfns
    # Up to there both did the same, by the naive way of comparing.
    one, other = (Stepper(each.open(), each.config) for each in (small, large))
    assert one.play(page) == other.play(page)
    assert one.play(1) != other.play(1)


def test_different_traces_part_where_they_say_different_things(tmp_path: Path) -> None:
    text = Path(JUMBO).read_text(encoding="utf-8")
    other = tmp_path / "other.trace"
    other.write_text(text.replace("rx2 order=3", "rx2 order=1"), encoding="utf-8")
    found = compare(side(JUMBO), side(str(other)))
    assert [(each.level, each.event) for each in found.divergences] == [("event", 16)]
    assert [
        seen.told.order for seen in (found.divergences[0].a, found.divergences[0].b) if seen.told
    ] == [3, 1]


def test_a_trace_that_ends_earlier_parts_at_its_end(tmp_path: Path) -> None:
    lines = Path(JUMBO).read_text(encoding="utf-8").splitlines()
    short = tmp_path / "short.trace"
    short.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    found = compare(side(JUMBO), side(str(short)))
    parting = found.divergences[-1]
    assert (parting.level, parting.event) == ("event", 33)
    assert parting.b.told is None
    assert not found.same


def test_the_same_events_in_another_file_are_no_difference(tmp_path: Path) -> None:
    copy = tmp_path / "copy.trace"
    copy.write_text("# A comment more.\n" + Path(JUMBO).read_text(encoding="utf-8"), "utf-8")
    assert compare(side(JUMBO), side(str(copy))).same


def test_recorded_and_model_placement_part_over_pages() -> None:
    found = compare(side(RECORDING), side(RECORDING, placement="recorded"), jobs=2)
    assert found.divergences[0].level == "page"
    assert found.divergences[0].a.outcome == found.divergences[0].b.outcome
