"""Record a real trace with the running kernel's tracefs, with what a replay needs to start from.

The result is one packed file: the trace, and buddyinfo, pagetypeinfo, zoneinfo, vmstat and a map
of all pages (kpageflags) from just before and just after.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from buddysim.errors import ConfigError
from buddysim.source.ctrl_c import CtrlC
from buddysim.source.open import open_trace
from buddysim.source.pack import PackedWriter
from buddysim.source.page_map import PAGE_MAP_NAME, PageMap, read_page_map
from buddysim.source.tracefs import Instance, find_tracefs

__all__ = [
    "RecordOptions",
    "Recording",
    "Snapshot",
    "record_command",
    "record_system",
    "take_snapshot",
    "write_recording",
]

_PROC = ("buddyinfo", "pagetypeinfo", "zoneinfo", "vmstat")
_GO = b"g"
_CTRL_C_GRACE_S = 0.25
"""A terminal sends Ctrl-C to the command as well: time for it to end by itself."""


@dataclass(frozen=True)
class RecordOptions:
    """What to record besides the events."""

    buffer_kb: int = 65536
    """Ring buffer of each cpu."""
    stacks: bool = False
    """The kernel's call chain with every event."""
    page_map: bool = True
    """The state of every page before and after."""


@dataclass(frozen=True)
class Snapshot:
    """The machine at one moment, as far as it could be read."""

    texts: dict[str, str]
    """Files of /proc by name."""
    pages: PageMap | None
    seconds: float
    """What it took, which is how blurred it is."""


@dataclass
class Recording:
    """What was recorded, and what could not be."""

    text: Path
    """The trace as the kernel printed it."""
    before: Snapshot
    after: Snapshot
    seconds: float
    lost_events: int
    fullest_bytes: int = 0
    """What the fullest cpu's ring buffer held at the end."""
    missing_events: list[str] = field(default_factory=list)
    missing_files: list[str] = field(default_factory=list)
    exit_status: int = 0
    """Of the command; 128 + n when signal n ended it."""


def take_snapshot(missing: list[str], *, page_map: bool) -> Snapshot:
    """The files of /proc a start state is made from; names that could not be read are noted.

    The map comes first, since it takes longest: what is counted shall be as late as possible.
    """
    started = time.monotonic()
    texts: dict[str, str] = {}
    pages = None
    if page_map:
        try:
            pages = read_page_map()
        except OSError:
            _note(missing, "kpageflags")
    for name in _PROC:
        try:
            texts[name] = Path("/proc", name).read_text(encoding="ascii", errors="replace")
        except OSError:
            _note(missing, name)
    return Snapshot(texts, pages, time.monotonic() - started)


def _note(missing: list[str], name: str) -> None:
    if name not in missing:
        missing.append(name)


def record_command(command: Sequence[str], text: Path, options: RecordOptions) -> Recording:
    """Run a command and record its process tree; the child starts only when tracing is on.

    Raises ConfigError when tracefs cannot be used or the command cannot be started.
    """
    with Instance(find_tracefs(), f"buddysim-{os.getpid()}") as instance:
        missing_events = _prepare(instance, options)
        gate_out, gate_in = os.pipe()
        child = _gated_child(command, gate_out, gate_in)
        os.close(gate_out)
        try:
            instance.follow(child.pid)
            started = _begin(instance, options, missing_events)
            with CtrlC() as ctrl_c:
                instance.write("tracing_on", "1")
                os.write(gate_in, _GO)
                status = _wait(child, ctrl_c)
                return _stop(instance, text, started, status if status >= 0 else 128 - status)
        finally:
            os.close(gate_in)
            if child.poll() is None:
                child.kill()
                child.wait()
        return _stop(instance, text, started, status if status >= 0 else 128 - status)


def record_system(seconds: float, text: Path, options: RecordOptions) -> Recording:
    """Record the whole system for a while; Ctrl-C ends it early and keeps what there is."""
    with Instance(find_tracefs(), f"buddysim-{os.getpid()}") as instance:
        started = _begin(instance, options, _prepare(instance, options))
        with CtrlC() as ctrl_c:
            instance.write("tracing_on", "1")
            slept = ctrl_c.wait(lambda: time.sleep(seconds))
            return _stop(instance, text, started, 0 if slept else 128 + signal.SIGINT)


def _prepare(instance: Instance, options: RecordOptions) -> list[str]:
    instance.write("tracing_on", "0")
    instance.write("buffer_size_kb", str(options.buffer_kb))
    if options.stacks:
        instance.with_stacks()
    return instance.enable()


def _gated_child(command: Sequence[str], gate_out: int, gate_in: int) -> subprocess.Popen[bytes]:
    """A child that waits for one byte before it becomes the command."""
    script = 'IFS= read -r -n1 _ <&"$0" || exit 125; exec "$@"'
    try:
        return subprocess.Popen(
            ["bash", "-c", script, str(gate_out), *command], pass_fds=(gate_out,)
        )
    except OSError as error:
        os.close(gate_in)
        raise ConfigError(f"cannot start {command[0]}: {error.strerror}") from None


def _wait(child: subprocess.Popen[bytes], ctrl_c: CtrlC) -> int:
    """The status of a child, which is told of a Ctrl-C should it not have heard itself."""
    # Popen.wait would lose the status of a child that ends together with the Ctrl-C.
    if not ctrl_c.wait(lambda: os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)):
        with suppress(subprocess.TimeoutExpired):
            return child.wait(_CTRL_C_GRACE_S)
        child.send_signal(signal.SIGINT)
    return child.wait()


@dataclass(frozen=True)
class _Started:
    """What is known before tracing is switched on."""

    options: RecordOptions
    before: Snapshot
    missing_events: list[str]
    missing_files: list[str]
    clock: float


def _begin(instance: Instance, options: RecordOptions, missing_events: list[str]) -> _Started:
    missing_files: list[str] = []
    before = take_snapshot(missing_files, page_map=options.page_map)
    return _Started(options, before, missing_events, missing_files, time.monotonic())


def _stop(instance: Instance, text: Path, started: _Started, status: int) -> Recording:
    instance.write("tracing_on", "0")
    recording = Recording(
        text=text,
        before=started.before,
        seconds=time.monotonic() - started.clock,
        after=take_snapshot(started.missing_files, page_map=started.options.page_map),
        lost_events=instance.lost(),
        fullest_bytes=instance.fullest(),
        missing_events=started.missing_events,
        missing_files=started.missing_files,
        exit_status=status,
    )
    with text.open("wb") as stream:
        for block in instance.text():
            stream.write(block)
    return recording


def write_recording(recording: Recording, path: str) -> int:
    """Pack a recording's trace and its /proc files into one ``.bst``; the events in it.

    Raises TraceError when nothing was recorded.
    """
    trace = open_trace(str(recording.text))
    with PackedWriter(path) as writer:
        writer.begin(trace.meta)
        for moment, snapshot in (("before", recording.before), ("after", recording.after)):
            for name, text in snapshot.texts.items():
                writer.snapshot(f"{name}.{moment}.txt", text.encode("ascii", "replace"))
            if snapshot.pages is not None:
                writer.snapshot(PAGE_MAP_NAME.format(moment=moment), snapshot.pages.packed())
        rows = 0
        for batch in trace.batches():
            rows += len(batch)
            writer.rows(batch, trace.tables)
        trace.meta.lost_events = max(trace.meta.lost_events, recording.lost_events)
        writer.finish(trace.meta, trace.tables)
    return rows
