"""The live view at 80x24 and larger: every key does what its help says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("textual", reason="comes with the live extra")

from textual.pilot import Pilot
from textual.widgets import Input, Static

from buddysim.present.tui import panels
from buddysim.present.tui.app import Help, LiveView
from buddysim.present.tui.show import Show
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.film import Film, Frame, ZoneFrame

SMALL = (80, 24)
STORED = Path(__file__).resolve().parents[2] / "golden" / "tui"
"""Screens, character by character; ``BUDDYSIM_UPDATE=1`` rewrites them after a look."""


def zone(free: int, order0: int = 0) -> ZoneFrame:
    lists = tuple((order0, *[0] * 10) if mt == 1 else (0,) * 11 for mt in range(6))
    nr_free = (order0, *[0] * 10)
    return ZoneFrame(
        "Normal", 0, free, 100, 125, 150, nr_free, lists, bytes([1, 0, 2, 3]), bytes([0, 9, 20, 35])
    )


def failure(event: int, caller: str, warned: str = "printed") -> FailureRow:
    return FailureRow(
        event, 0, event * 1000, caller, "t-1", 2, 0, 0, "fragmented", "natural", warned
    )


def show() -> Show:
    film = Film()
    film.frames = [
        Frame(event * 10, event * 10_000, (zone(400 - 40 * event, event),)) for event in range(11)
    ]
    failures = [
        failure(15, "e1000_rx"),
        failure(16, "e1000_rx", "suppressed"),
        failure(55, "ext4_write", "nowarn"),
        failure(95, "ext4_write"),
    ]
    return Show("demo.trace", film, failures, {"rx_dropped": 2})


def text_of(app: LiveView, selector: str) -> str:
    return str(app.query_one(selector, Static).render())


def drive(
    script: Callable[[LiveView, Pilot[None]], Awaitable[None]],
    *,
    size: tuple[int, int] = SMALL,
    autoplay: bool = False,
) -> None:
    async def main() -> None:
        app = LiveView(show(), autoplay=autoplay)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await script(app, pilot)

    asyncio.run(main())


@pytest.mark.parametrize("size", [SMALL, (160, 48)])
def test_every_pane_is_drawn_and_none_is_empty(size: tuple[int, int]) -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press("end")
        assert "demo.trace  event 100" in text_of(app, "#head")
        assert "below min" in text_of(app, "#gauges")
        assert text_of(app, "#lists").splitlines()[0].split() == [
            "order",
            "Unmov",
            "Mov",
            "Recl",
            "HighA",
        ]
        assert "█" in text_of(app, "#map")
        assert "ext4_write" in text_of(app, "#stream-text")
        for selector in ("#lists", "#map", "#stream"):
            assert app.query_one(selector).content_size.height >= 4

    drive(script, size=size)


def test_arrows_step_and_stop_at_the_ends() -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press("left")
        assert app.show.at == 0
        await pilot.press("right", "right")
        assert app.show.at == 2
        await pilot.press("end", "right")
        assert app.show.at == 10
        await pilot.press("home")
        assert app.show.at == 0

    drive(script)


def test_it_plays_by_itself_and_space_pauses() -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press("plus", "plus", "plus")
        await pilot.pause(0.3)
        assert app.show.at > 0
        await pilot.press("space")
        stopped = app.show.at
        await pilot.pause(0.2)
        assert (app.show.at, app.playing) == (stopped, False)

    drive(script, autoplay=True)


def test_speed_stays_within_its_table() -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press(*["minus"] * 9)
        assert "1/s" in text_of(app, "#head")
        await pilot.press(*["plus"] * 9)
        assert "50/s" in text_of(app, "#head")

    drive(script)


def test_seek_takes_an_event_or_a_share() -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press("g", *"40%", "enter")
        assert app.show.at == 4
        await pilot.press("g", *"70", "enter")
        assert app.show.frame.event == 70
        await pilot.press("g", *"soon", "enter")
        assert app.show.frame.event == 70
        assert not app.query_one("#ask", Input).has_class("open")

    drive(script)


def test_search_lists_only_the_callers_looked_for() -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press("end", "slash", *"e1000", "enter")
        shown = text_of(app, "#stream-text")
        assert "e1000_rx" in shown
        assert "ext4_write" not in shown

    drive(script)


def test_the_log_says_what_the_rate_limit_kept_back() -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press("end", "l")
        lines = text_of(app, "#stream-text").splitlines()
        assert [line.strip() for line in lines[1:3]] == [
            "1 kept back by the rate limit",
            "1 silent by __GFP_NOWARN",
        ]
        await pilot.press("c")
        assert "rx_dropped" in text_of(app, "#stream-text")

    drive(script)


def test_failures_appear_only_when_they_have_happened() -> None:
    playing = show()
    assert playing.seen_failures() == []
    playing.seek("20")
    assert [row.event for row in playing.seen_failures()] == [15, 16]


def test_help_opens_and_any_key_closes_it() -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press("question_mark")
        assert isinstance(app.screen, Help)
        await pilot.press("x")
        assert not isinstance(app.screen, Help)

    drive(script)


def test_q_quits() -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press("q")
        assert app._exit

    drive(script)


def test_a_map_with_more_cells_than_room_puts_them_together() -> None:
    frame = show().frame
    assert len(panels.map_text(frame, 2, 1).plain.replace("\n", "")) <= 2
    assert len(panels.map_text(frame, 40, 4).plain.splitlines()) == 1


def test_a_small_screen_shows_the_zones_nearest_to_trouble() -> None:
    zones = tuple(
        replace(zone(100 * place), name=f"Z{place}", node=place % 2) for place in (9, 1, 8, 2, 7)
    )
    lines = panels.gauge_text(Frame(0, 0, zones), 78, 3).plain.splitlines()
    assert [line.split()[1] for line in lines] == ["Z1", "Z2", "Z7"]
    assert max(map(len, lines)) <= 78


def test_a_screenshot_can_be_taken() -> None:
    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        assert "demo.trace" in app.export_screenshot()

    drive(script)


def screen_text(app: LiveView) -> str:
    """What the terminal shows, without colours, trailing blanks dropped."""
    strips = app.screen._compositor.render_strips()
    lines = ("".join(segment.text for segment in strip).rstrip() for strip in strips)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("size", [SMALL, (160, 48)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("key", ["home", "end", "question_mark"])
def test_the_screen_is_as_stored(size: tuple[int, int], key: str) -> None:
    seen: list[str] = []

    async def script(app: LiveView, pilot: Pilot[None]) -> None:
        await pilot.press(key)
        await pilot.pause()
        seen.append(screen_text(app))

    drive(script, size=size)
    stored = STORED / f"{key}-{size[0]}x{size[1]}.txt"
    if os.environ.get("BUDDYSIM_UPDATE"):
        stored.write_text(seen[0], encoding="utf-8")
    assert seen[0] == stored.read_text(encoding="utf-8")
