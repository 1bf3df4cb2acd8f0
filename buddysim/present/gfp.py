"""A :class:`GfpAnswer` on the terminal."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from buddysim.kernel.gfp_reading import Reading
from buddysim.report.gfp import GfpAnswer

__all__ = ["render_gfp"]

_INDENT = 17


def render_gfp(answer: GfpAnswer, *, with_legend: bool = True) -> RenderableType:
    """One reading in full, or two lines per group of kernels that agree, and a legend."""
    if len(answer.readings) == 1:
        return _one(answer.readings[0])
    lines = _all(answer)
    if with_legend:
        lines += [Text(""), *(Text(line, style="dim") for line in _legend(answer))]
    return Group(*lines)


def _one(reading: Reading) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_row("kernel", reading.profile)
    grid.add_row("mask", f"{reading.mask:#x}")
    grid.add_row("names", Text(reading.names or "none", style="bold", overflow="fold"))
    grid.add_row("may sleep", _yes(reading.may_sleep, "direct reclaim, compaction, OOM killer"))
    grid.add_row("wakes kswapd", _yes(reading.wakes_kswapd))
    grid.add_row(
        "starts IO", _yes(reading.may_start_io, "swap out and write back while reclaiming")
    )
    grid.add_row("enters filesystems", _yes(reading.may_enter_fs))
    grid.add_row("failure reported", "in the kernel log" if reading.warns else "no (__GFP_NOWARN)")
    grid.add_row("reserves", "; ".join(reading.reserves) or "none")
    grid.add_row("stops at", _stop(reading))
    grid.add_row("migratetype", reading.migratetype)
    grid.add_row("highest zone", f"{reading.zone} on x86-64, {reading.zone_32bit} with HighMem")
    return Group(grid, *_troubles(reading))


def _troubles(reading: Reading) -> list[Text]:
    """What the reader should not overlook."""
    lines = [Text(f"contradiction: {text}", style="red") for text in reading.contradictions]
    if reading.unknown_bits:
        text = (
            f"{reading.unknown_bits:#x} means nothing in {reading.profile}: another kernel's mask?"
        )
        lines.append(Text(text, style="yellow"))
    if reading.lost_flags:
        text = f"{reading.profile} has no {reading.lost_flags.replace('|', ', ')}; left out"
        lines.append(Text(text, style="yellow"))
    return lines


def _all(answer: GfpAnswer) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for group in _groups(answer.readings):
        reading = group[0]
        kernels = reading.profile
        if len(group) > 1:
            kernels += f" to {group[-1].profile}"
        heading = Text(f"{kernels:<{_INDENT}}{reading.mask:<#11x}")
        lines.append(heading.append_text(_names(answer, reading)))
        lines.append(Padding(Text(_summary(reading), style="dim"), (0, 0, 0, _INDENT)))
    return lines


def _groups(readings: tuple[Reading, ...]) -> list[list[Reading]]:
    """Neighbouring kernels that read the input alike."""
    groups: list[list[Reading]] = []
    for reading in readings:
        if groups and replace(groups[-1][0], profile=reading.profile) == reading:
            groups[-1].append(reading)
        else:
            groups.append([reading])
    return groups


def _summary(reading: Reading) -> str:
    """Rights in a few words."""
    sleeps = "may sleep" if reading.may_sleep else "never sleeps"
    kswapd = "wakes kswapd" if reading.wakes_kswapd else "kswapd not woken"
    stop = "no watermark" if reading.min_mark_percent == 0 else f"{reading.min_mark_percent:g} %"
    return f"{sleeps}, {kswapd}, stops at {stop}, {reading.migratetype}, {reading.zone}"


def _names(answer: GfpAnswer, reading: Reading) -> Text:
    """Names, with a mark for a reading to be doubted."""
    text = Text(reading.names or "none")
    if answer.is_number and reading.is_likely:
        text.stylize("bold")
        text.append(" *", style="green")
    if reading.contradictions:
        text.append(" !", style="red")
    if reading.lost_flags:
        text.append(f" - {reading.lost_flags}", style="yellow")
    return text


def _legend(answer: GfpAnswer) -> list[str]:
    lines = ["stops at: the share of the min watermark that must stay free"]
    if answer.is_number:
        lines.append("*: every bit has a meaning there and together they make a mask code uses")
    if any(reading.contradictions for reading in answer.readings):
        lines.append("!: flags contradict each other; --profile tells how")
    if any(reading.lost_flags for reading in answer.readings):
        lines.append("- FLAG: not known to that kernel")
    return lines


def _stop(reading: Reading) -> str:
    if reading.min_mark_percent == 0:
        return "nothing: no watermark applies"
    return f"{reading.min_mark_percent:g} % of the min watermark, plus the zone's lowmem reserve"


def _yes(value: bool, detail: str = "") -> str:
    if not value:
        return "no"
    return f"yes: {detail}" if detail else "yes"
