"""Record a real trace with the running kernel's tracefs, with what a replay needs to start from.

The result is one packed file: the trace, and buddyinfo, pagetypeinfo, zoneinfo and vmstat from
just before and just after.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from buddysim.errors import ConfigError
from buddysim.source.open import open_trace
from buddysim.source.pack import PackedWriter
from buddysim.source.tracefs import Instance, find_tracefs

__all__ = ["Recording", "read_proc", "record_command", "record_system", "write_recording"]

_PROC = ("buddyinfo", "pagetypeinfo", "zoneinfo", "vmstat")
_GO = b"g"


@dataclass
class Recording:
    """What was recorded, and what could not be."""

    text: Path
    """The trace as the kernel printed it."""
    before: dict[str, str]
    after: dict[str, str]
    seconds: float
    lost_events: int
    missing_events: list[str] = field(default_factory=list)
    missing_files: list[str] = field(default_factory=list)
    exit_status: int = 0


def read_proc(missing: list[str]) -> dict[str, str]:
    """The /proc files a start state can be built from; names that could not be read are noted."""
    texts = {}
    for name in _PROC:
        try:
            texts[name] = Path("/proc", name).read_text(encoding="ascii", errors="replace")
        except OSError:
            if name not in missing:
                missing.append(name)
    return texts


def record_command(command: Sequence[str], text: Path, *, buffer_kb: int = 65536) -> Recording:
    """Run a command and record its process tree; the child starts only when tracing is on.

    Raises ConfigError when tracefs cannot be used or the command cannot be started.
    """
    with Instance(find_tracefs(), f"buddysim-{os.getpid()}") as instance:
        missing_events = _prepare(instance, buffer_kb)
        gate_out, gate_in = os.pipe()
        child = _gated_child(command, gate_out, gate_in)
        os.close(gate_out)
        try:
            instance.follow(child.pid)
            recording = _start(instance, text, missing_events)
            os.write(gate_in, _GO)
            recording.exit_status = _wait(child)
        finally:
            os.close(gate_in)
            if child.poll() is None:
                child.kill()
                child.wait()
        return _stop(instance, recording)


def record_system(seconds: float, text: Path, *, buffer_kb: int = 65536) -> Recording:
    """Record the whole system for a while; Ctrl-C ends it early and keeps what there is."""
    with Instance(find_tracefs(), f"buddysim-{os.getpid()}") as instance:
        recording = _start(instance, text, _prepare(instance, buffer_kb))
        try:
            time.sleep(seconds)
        except KeyboardInterrupt:
            recording.exit_status = 128 + signal.SIGINT
        return _stop(instance, recording)


def _prepare(instance: Instance, buffer_kb: int) -> list[str]:
    instance.write("tracing_on", "0")
    instance.write("buffer_size_kb", str(buffer_kb))
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


def _wait(child: subprocess.Popen[bytes]) -> int:
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        return child.wait()


def _start(instance: Instance, text: Path, missing_events: list[str]) -> Recording:
    missing_files: list[str] = []
    before = read_proc(missing_files)
    instance.write("tracing_on", "1")
    return Recording(
        text=text,
        before=before,
        after={},
        seconds=time.monotonic(),
        lost_events=0,
        missing_events=missing_events,
        missing_files=missing_files,
    )


def _stop(instance: Instance, recording: Recording) -> Recording:
    instance.write("tracing_on", "0")
    recording.seconds = time.monotonic() - recording.seconds
    recording.after = read_proc(recording.missing_files)
    recording.lost_events = instance.lost()
    with recording.text.open("wb") as stream:
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
        for moment, texts in (("before", recording.before), ("after", recording.after)):
            for name, text in texts.items():
                writer.snapshot(f"{name}.{moment}.txt", text.encode("ascii", "replace"))
        rows = 0
        for batch in trace.batches():
            rows += len(batch)
            writer.rows(batch, trace.tables)
        trace.meta.lost_events = max(trace.meta.lost_events, recording.lost_events)
        writer.finish(trace.meta, trace.tables)
    return rows
