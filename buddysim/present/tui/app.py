"""The live view's application: panes, keys, and the clock that moves the film."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Footer, Input, Static

from buddysim.present.tui import panels
from buddysim.present.tui.show import SPEEDS, Show
from buddysim.units import format_duration

__all__ = ["LiveView"]

_HELP = """\
[b]Live view[/b]

 space        pause, go on
 left, right  one frame back, on
 home, end    start, end
 + and -      faster, slower
 g            go to an event (1200) or a share of the run (40%)
 /            only failures of callers with this text
 f  l  c      failures, log, counters
 ?            this help
 q            quit

Zones: free pages; the lines are min (red), low (yellow), high (green).
Map: one cell is a pageblock or several; colour is type, height is use.
[dim]Any key closes this.[/dim]"""

_LISTS_HEIGHT = 14
_TALL = 30
_GAUGES = 8
_GAUGES_SMALL = 3

_CSS = """
Screen { layout: vertical; }
#head { height: 1; background: $primary; color: $text; }
#gauges { height: auto; padding: 0 1; }
#middle { height: 14; }
#lists { width: 40; height: 100%; border: round $primary; padding: 0 1; }
#map { width: 1fr; height: 100%; border: round $primary; padding: 0 1; }
#stream { height: 1fr; border: round $primary; padding: 0 1; }
#ask { display: none; dock: bottom; height: 3; }
#ask.open { display: block; }
Help { align: center middle; }
Help Static { width: 78; height: auto; border: round $primary; padding: 0 2; background: $surface; }
"""


class Help(ModalScreen[None]):
    """The keys, over everything else."""

    def compose(self) -> ComposeResult:
        """One box of text."""
        yield Static(_HELP)

    def on_key(self) -> None:
        """Any key closes it."""
        self.dismiss()


class LiveView(App[None]):
    """Plays a :class:`Show`.  ``autoplay`` False starts paused."""

    CSS = _CSS
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "Pause"),
        Binding("right", "step(1)", "Step"),
        Binding("left", "step(-1)", show=False),
        Binding("home", "step(-1000000)", show=False),
        Binding("end", "step(1000000)", show=False),
        Binding("plus,equals_sign", "speed(1)", "Faster"),
        Binding("minus", "speed(-1)", show=False),
        Binding("g", "ask('seek')", "Go to"),
        Binding("slash", "ask('caller')", "Caller"),
        Binding("f", "stream('failures')", show=False),
        Binding("l", "stream('log')", "Log"),
        Binding("c", "stream('counters')", show=False),
        Binding("question_mark", "help", "Help"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, show: Show, *, autoplay: bool = True) -> None:
        super().__init__()
        self.show = show
        self.playing = autoplay
        self.speed = 2
        self.stream = "failures"
        self._asked = ""
        self._clock: Timer | None = None

    def compose(self) -> ComposeResult:
        """Head, gauges, lists beside the map, the stream, keys."""
        yield Static(id="head")
        yield Static(id="gauges")
        with Horizontal(id="middle"):
            yield Static(id="lists")
            yield Static(id="map")
        with Vertical(id="stream"):
            yield Static(id="stream-text")
        yield Input(id="ask")
        yield Footer()

    def on_mount(self) -> None:
        """Titles, the clock, the first picture."""
        self.query_one("#lists").border_title = "free blocks"
        self.query_one("#map").border_title = "pageblocks"
        self._set_clock()
        self.call_after_refresh(self.refresh_panes)

    def on_resize(self) -> None:
        """Panes are drawn to their size; a tall screen gives the map two fifths."""
        self.query_one("#middle").styles.height = max(_LISTS_HEIGHT, self.size.height * 2 // 5)
        self.call_after_refresh(self.refresh_panes)

    def refresh_panes(self) -> None:
        """Draw everything for the current frame."""
        frame = self.show.frame
        self._static("#head").update(self._head())
        lines = _GAUGES if self.size.height >= _TALL else _GAUGES_SMALL
        self._static("#gauges").update(panels.gauge_text(frame, self.size.width - 2, lines))
        self._static("#lists").update(panels.list_text(frame))
        area = self.query_one("#map").content_size
        self._static("#map").update(panels.map_text(frame, max(area.width, 1), area.height))
        self._draw_stream()

    def action_pause(self) -> None:
        """Pause or go on; at the end, start again."""
        if not self.playing and self.show.at == self.show.last:
            self.show.at = 0
        self.playing = not self.playing
        self.refresh_panes()

    def action_step(self, frames: int) -> None:
        """Pause and move."""
        self.playing = False
        self.show.move(frames)
        self.refresh_panes()

    def action_speed(self, change: int) -> None:
        """Next faster or slower speed."""
        self.speed = min(max(self.speed + change, 0), len(SPEEDS) - 1)
        self._set_clock()
        self.refresh_panes()

    def action_stream(self, name: str) -> None:
        """Choose what the lowest pane shows."""
        self.stream = name
        self.refresh_panes()

    def action_ask(self, what: str) -> None:
        """Open the input line."""
        self._asked = what
        ask = self.query_one("#ask", Input)
        ask.placeholder = "event or share, e.g. 40%" if what == "seek" else "part of a caller"
        ask.value = ""
        ask.add_class("open")
        ask.focus()

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Help())

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Take the answer of the input line and close it."""
        if self._asked == "caller":
            self.show.caller = message.value.strip()
        elif not self.show.seek(message.value):
            self.notify(f"{message.value!r} is neither an event nor a share", severity="warning")
        else:
            self.playing = False
        message.input.remove_class("open")
        self.set_focus(None)
        self.refresh_panes()

    def _tick(self) -> None:
        if not self.playing:
            return
        if not self.show.move(1):
            self.playing = False
        self.refresh_panes()

    def _set_clock(self) -> None:
        if self._clock is not None:
            self._clock.stop()
        self._clock = self.set_interval(1 / SPEEDS[self.speed], self._tick)

    def _head(self) -> str:
        show = self.show
        state = "playing" if self.playing else "paused"
        return (
            f" {show.title}  event {show.frame.event:,} at {format_duration(show.frame.time_ns)}"
            f"  {show.at}/{show.last}  {SPEEDS[self.speed]}/s  {state}"
        )

    def _draw_stream(self) -> None:
        box = self.query_one("#stream")
        seen = self.show.seen_failures()
        height = box.content_size.height
        title = f"{self.stream}, {len(seen):,} failures so far"
        box.border_title = f"{title} of {self.show.caller!r}" if self.show.caller else title
        if self.stream == "log":
            text = panels.log_text(seen, height)
        elif self.stream == "counters":
            text = panels.counter_text(seen, self.show.counters, height)
        else:
            text = panels.failure_text(seen, height)
        self._static("#stream-text").update(text)

    def _static(self, selector: str) -> Static:
        return self.query_one(selector, Static)
