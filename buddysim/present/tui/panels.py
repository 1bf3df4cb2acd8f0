"""The panes of the live view as text: each is a function of a frame or of failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from buddysim.kernel.migratetype import NAMES
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.film import USED_FULL, Frame, ZoneFrame
from buddysim.units import format_duration

__all__ = ["counter_text", "failure_text", "gauge_text", "list_text", "log_text", "map_text"]

_TYPE_STYLES = ("red", "dodger_blue1", "green3", "medium_purple1", "dark_orange", "grey62")
_TYPE_SHORT = ("Unmov", "Mov", "Recl", "HighA", "CMA", "Isol")
_CELL_WIDTH_MAX = 4
_LEVELS = " ▁▂▃▄▅▆▇█"


def gauge_text(frame: Frame, width: int, height: int) -> Text:
    """One bar a zone: free pages against min (red), low (yellow) and high (green).

    Where there are more zones than lines, those nearest to trouble are shown.
    """
    text = Text(no_wrap=True)
    bar = max(width - 32, 10)
    pressed = sorted(frame.zones, key=lambda zone: zone.free / max(zone.high, 1))[:height]
    for zone in frame.zones:
        if zone not in pressed:
            continue
        text.append_text(_gauge(zone, bar))
        text.append("\n")
    text.rstrip()
    return text


def _gauge(zone: ZoneFrame, bar: int) -> Text:
    top = max(zone.high * 3, 1)
    filled = min(zone.free * bar // top, bar)
    line = Text(f"{zone.node} {zone.name:<8.8}", style="bold", no_wrap=True)
    marks = {
        min(zone.min * bar // top, bar - 1): "red",
        min(zone.low * bar // top, bar - 1): "yellow",
        min(zone.high * bar // top, bar - 1): "green",
    }
    style = _level_style(zone)
    for at in range(bar):
        if at in marks:
            line.append("┃", style=marks[at])
        else:
            line.append("█" if at < filled else "·", style=style if at < filled else "dim")
    line.append(f" {zone.free:>9,} {_level_word(zone)}", style=style)
    return line


def _level_word(zone: ZoneFrame) -> str:
    if zone.free <= zone.min:
        return "below min"
    if zone.free <= zone.low:
        return "below low"
    return "below high" if zone.free <= zone.high else "calm"


def _level_style(zone: ZoneFrame) -> str:
    if zone.free <= zone.min:
        return "bold red"
    return "yellow" if zone.free <= zone.low else "green"


def list_text(frame: Frame) -> Text:
    """Free blocks by order (rows) and type (columns), all zones together."""
    used = [mt for mt in range(len(NAMES)) if mt < 4 or _any(frame, mt)]
    text = Text("order", style="bold", no_wrap=True)
    for mt in used:
        text.append(f"{_TYPE_SHORT[mt]:>7}", style=_TYPE_STYLES[mt])
    for order in range(11):
        text.append(f"\n{order:>5}")
        for mt in used:
            blocks = sum(zone.by_type[mt][order] for zone in frame.zones if zone.by_type)
            text.append(f"{blocks:>7,}", style="" if blocks else "dim")
    return text


def _any(frame: Frame, migratetype: int) -> bool:
    return any(zone.by_type and any(zone.by_type[migratetype]) for zone in frame.zones)


def map_text(frame: Frame, width: int, height: int) -> Text:
    """Pageblocks in address order: colour is the type, height of the bar what is in use.

    Cells are widened while there is room, and put together when there is not enough.
    """
    cells = [
        (mt, share)
        for zone in frame.zones
        for mt, share in zip(zone.cell_types, zone.cell_used, strict=True)
    ]
    room = max(width * height, 1)
    step = -(-len(cells) // room) or 1
    wide = min(max(room // max(len(cells), 1), 1), _CELL_WIDTH_MAX)
    columns = max(width // wide, 1)
    text = Text(no_wrap=True)
    for place, start in enumerate(range(0, len(cells), step)):
        group = cells[start : start + step]
        share = sum(used for _, used in group) / len(group) / USED_FULL
        if place and place % columns == 0:
            text.append("\n")
        glyph = _LEVELS[round(share * (len(_LEVELS) - 1))]
        text.append(glyph * max(wide - 1, 1), style=f"{_TYPE_STYLES[group[0][0]]} on grey23")
        text.append(" " * (wide > 1))
    return text


def failure_text(failures: Sequence[FailureRow], height: int) -> Text:
    """The latest failures, newest last, one line each."""
    if not failures:
        return Text("no failure so far", style="dim")
    text = Text(no_wrap=True, overflow="ellipsis")
    for failure in failures[-max(height, 1) :]:
        text.append(f"{format_duration(failure.time_ns):>10} ")
        text.append(f"{failure.caller:<20.20} ", style="bold")
        text.append(f"order {failure.order:<2} ")
        style = "magenta" if failure.origin == "injected" else "red"
        text.append(f"{failure.cause}", style=style)
        text.append(f" ({failure.origin})\n", style="dim")
    text.rstrip()
    return text


def log_text(failures: Sequence[FailureRow], height: int) -> Text:
    """What the kernel's log shows: printed warnings, and how many the rate limit kept back."""
    lines: list[tuple[str, str]] = []
    hidden: Counter[str] = Counter()
    for failure in failures:
        if failure.warned != "printed":
            hidden[failure.warned] += 1
            continue
        lines.extend(_hidden_lines(hidden))
        hidden.clear()
        when = format_duration(failure.time_ns)
        lines.append(
            (f"[{when:>10}] {failure.caller}: page allocation failure: order:{failure.order}", "")
        )
    lines.extend(_hidden_lines(hidden))
    if not lines:
        return Text("the log is empty", style="dim")
    shown = lines[-max(height, 1) :]
    return Text("\n", no_wrap=True, overflow="ellipsis").join(
        [Text(line, style=style) for line, style in shown]
    )


def _hidden_lines(hidden: Counter[str]) -> list[tuple[str, str]]:
    words = {"suppressed": "kept back by the rate limit", "nowarn": "silent by __GFP_NOWARN"}
    return [
        (f"{'':>13}{hidden[kind]:,} {words[kind]}", "dim")
        for kind in ("suppressed", "nowarn")
        if hidden[kind]
    ]


def counter_text(failures: Sequence[FailureRow], counters: dict[str, int], height: int) -> Text:
    """Failures so far by cause and by caller, and the script's own counters at the end."""
    rows = [*_tally("cause", Counter(failure.cause for failure in failures))]
    rows += _tally("caller", Counter(failure.caller for failure in failures))
    rows += [f"counted  {name:<28.28}{count:>8,}" for name, count in sorted(counters.items())]
    return Text("\n".join(rows[: max(height, 1)]) or "nothing counted", no_wrap=True)


def _tally(word: str, counts: Counter[str]) -> list[str]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"{word:<8} {name:<28.28}{count:>8,}" for name, count in ranked]
