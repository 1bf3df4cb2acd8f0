"""The live view opens on any trace that can be replayed."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("textual", reason="comes with the live extra")

from buddysim.errors import ConfigError, TraceError
from buddysim.lesson.play import scenario_path
from buddysim.present.tui.app import LiveView
from buddysim.present.tui.run import run_live, show_of
from buddysim.replay.config import ReplayConfig


def test_a_script_is_filmed_event_by_event_with_its_failures() -> None:
    show = show_of(scenario_path("fragmentation.trace"), ReplayConfig())
    assert [frame.event for frame in show.film.frames] == list(range(61))
    assert len(show.failures) == 40
    assert show.title == "fragmentation.trace"


def test_a_scenario_can_be_played_to_its_end() -> None:
    show = show_of(scenario_path("noise.trace"), ReplayConfig())

    async def main() -> None:
        app = LiveView(show, autoplay=False)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("end", "l")
            assert "page allocation failure" in str(app.query_one("#stream-text").render())

    asyncio.run(main())


def test_a_missing_trace_is_an_input_error() -> None:
    with pytest.raises(TraceError):
        show_of("nowhere.trace", ReplayConfig())


def test_a_pipe_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a terminal"):
        run_live(scenario_path("buddies.trace"), ReplayConfig())
