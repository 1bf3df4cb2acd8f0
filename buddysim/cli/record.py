"""``buddysim record``: a real trace of this machine."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from buddysim.cli._options import QuietOption
from buddysim.errors import ConfigError
from buddysim.units import parse_bytes, parse_duration

if TYPE_CHECKING:
    from buddysim.source.record import Recording

__all__ = ["record"]

_EVENT_US, _EVENT_WITH_STACK_US = 0.7, 4.0
"""What one event costs the cpu it happens on; measured on a virtual machine (0.5 to 1.4 us)."""


def record(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="What to run and record.")
    ] = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.bst", help="The recording.")
    ],
    duration: Annotated[
        str | None, typer.Option(metavar="TIME", help="Record the whole system this long: 5s.")
    ] = None,
    buffer: Annotated[str, typer.Option(metavar="SIZE", help="Ring buffer for each cpu.")] = "64M",
    stacks: Annotated[
        bool, typer.Option("--stacks", help="With call chains: callers are kernel functions.")
    ] = False,
    page_map: Annotated[
        bool, typer.Option(help="Also keep which pages were free before and after (kpageflags).")
    ] = True,
    quiet: QuietOption = False,
) -> int:
    """Record the page allocations of a command, or of the whole system, with a tracefs instance of
    our own: nothing global is touched, and the instance is removed whatever happens.

    Ctrl-C ends the recording early and keeps it; a second one gives it up.

    Examples:

        buddysim record -o make.bst --stacks -- make -j4

        buddysim record -o system.bst --duration 5s
    """
    from buddysim.source.record import (
        RecordOptions,
        record_command,
        record_system,
        write_recording,
    )

    if (duration is None) == (not command):
        raise ConfigError("nothing to record", expected="either -- COMMAND or --duration TIME")
    if output.suffix != ".bst":
        raise ConfigError(f"output {output}", expected="a name ending in .bst")
    if not os.access(output.parent, os.W_OK):
        # Before anything is run: a recording must not be lost for the lack of a folder.
        raise ConfigError(f"cannot write {output}", hint="does its folder exist?")
    kilobytes = max(parse_bytes(buffer) // 1024, 4)
    wanted = RecordOptions(kilobytes, stacks, page_map)
    with tempfile.TemporaryDirectory(prefix="buddysim-") as folder:
        text = Path(folder) / "trace.txt"
        if command:
            recording = record_command(command, text, wanted)
        else:
            seconds = parse_duration(duration or "0s") / 1e9
            recording = record_system(seconds, text, wanted)
        events = write_recording(recording, str(output))
    if not quiet:
        cost = _EVENT_WITH_STACK_US if stacks else _EVENT_US
        sys.stderr.write(_told(recording, output, events, kilobytes, cost))
    return recording.exit_status


def _told(recording: Recording, output: Path, events: int, kilobytes: int, event_us: float) -> str:
    share = 100 * recording.fullest_bytes / (kilobytes * 1024)
    lines = [
        f"{output}: {events:,} events in {recording.seconds:.2f} s, "
        f"{recording.lost_events:,} lost, buffer {kilobytes:,} kB a cpu, {share:.0f} % used",
        f"overhead: about {events * event_us / 1e6:.2f} s of cpu time for the events, "
        f"{event_us} us each; snapshots {recording.before.seconds:.2f} s before and "
        f"{recording.after.seconds:.2f} s after, outside the recording",
    ]
    if recording.lost_events:
        lines.append("events were lost: use a larger --buffer")
    if recording.missing_events:
        lines.append(f"this kernel does not have: {', '.join(recording.missing_events)}")
    if recording.missing_files:
        lines.append(
            f"not readable: {', '.join(f'/proc/{name}' for name in recording.missing_files)} "
            "(root may); the start state is less exact"
        )
    return "".join(f"{line}\n" for line in lines)
