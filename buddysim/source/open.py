"""The one way in: a path becomes a :class:`Trace`, whatever the file is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from buddysim.errors import TraceError
from buddysim.kernel.profile import profile_of
from buddysim.source.event import CallerBy, Trace

if TYPE_CHECKING:
    from buddysim.source.script import ScriptTrace
    from buddysim.source.sniff import Layout
    from buddysim.source.stream import ByteStream

__all__ = ["is_script", "open_trace"]


def is_script(trace: Trace) -> TypeGuard[ScriptTrace]:
    """Is a trace hand-written?  Asked without importing what reads scripts."""
    return trace.meta.format == "script"


def open_trace(
    path: str,
    *,
    profile: str | None = None,
    caller_by: CallerBy = "function",
    salvage: bool = False,
) -> Trace:
    """Open a recording or a script.

    ``profile`` overrides the kernel era that the text implies (decimal pfns, migratetype numbers,
    gfp names).  ``caller_by`` says who counts as the caller: the first function of the call chain
    outside the allocator (without chains, the command), the command, or the whole chain.
    ``salvage`` takes what stands before the damage in a packed or compressed trace.

    Raises TraceError for what cannot be read as a trace, ConfigError for an unknown profile.
    """
    # Each reader is imported only for its own files: a short script must start quickly.
    if path.endswith((".trace", ".trace.gz")):
        return _open_script(path, profile)
    if path.endswith((".oracle.gz", ".jsonl.gz", ".oracle", ".jsonl")):
        raise TraceError(
            "is an oracle recording, not a trace", path=path, hint="use: buddysim verify DIR"
        )
    from buddysim.source.sniff import sniff
    from buddysim.source.stream import open_stream

    stream = open_stream(path)
    try:
        layout = sniff(stream.head, path)
        if layout.format == "packed":
            return _open_packed(stream, profile, caller_by, salvage=salvage)
        if layout.format == "script":
            return _open_script(path, profile)
        if profile is not None:
            era = profile_of(profile).name
            why = f"{layout.reason}; profile {era} by request"
            layout = layout._replace(profile=era, reason=why)
        return _reader(stream, layout, caller_by, salvage=salvage)
    except BaseException:
        stream.close()
        raise


def _open_script(path: str, profile: str | None) -> Trace:
    from buddysim.source.script import open_script

    return open_script(path, profile=profile)


def _reader(stream: ByteStream, layout: Layout, caller_by: CallerBy, *, salvage: bool) -> Trace:
    if layout.format == "trace-dat":
        _plain(stream, "trace.dat file")
        from buddysim.source.trace_dat import TraceDatTrace

        return TraceDatTrace(stream.path, profile=layout.profile, caller_by=caller_by)
    if layout.format == "perf-data":
        _plain(stream, "perf.data file")
        from buddysim.source.perf_data import PerfDataTrace

        return PerfDataTrace(stream.path, profile=layout.profile, caller_by=caller_by)
    from buddysim.source.text import TextTrace

    return TextTrace(stream, layout, caller_by=caller_by, salvage=salvage)


def _plain(stream: ByteStream, what: str) -> None:
    """These are read where they lie.  Raises TraceError for a compressed one."""
    stream.close()
    if stream.compression:
        raise TraceError(
            f"is a {what} inside {stream.compression}",
            path=stream.path,
            hint="decompress it first",
        )


def _open_packed(
    stream: ByteStream, profile: str | None, caller_by: CallerBy, *, salvage: bool
) -> Trace:
    stream.close()
    if stream.compression:
        raise TraceError(
            f"is a packed trace inside {stream.compression}",
            path=stream.path,
            hint="packed traces are mapped, not streamed: decompress it first",
        )
    from buddysim.source.packed import PackedTrace, read_script
    from buddysim.source.script import ScriptTrace
    from buddysim.source.script_parse import parse_script

    text = read_script(stream.path)
    if text is not None:
        script = parse_script(text.decode().splitlines(), stream.path, profile)
        return ScriptTrace(script)
    return PackedTrace(stream.path, profile=profile or "", caller_by=caller_by, salvage=salvage)
