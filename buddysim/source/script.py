"""Hand-written traces (``*.trace``): open one as a Trace, write one as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from buddysim.errors import TraceError
from buddysim.kernel.context import CONTEXT_BY_NAME, Context
from buddysim.kernel.gfp import format_names
from buddysim.source.action import format_actions
from buddysim.source.event import BATCH_EVENTS, EventBatch, EventKind, Tables, TraceMeta
from buddysim.source.script_parse import parse_script
from buddysim.source.statement import CallerDeclaration, Fill, Reclaimable, Script, Statement
from buddysim.units import format_bytes

__all__ = ["ScriptTrace", "format_script", "open_script"]

_KINDS = {
    "alloc": EventKind.ALLOC,
    "free": EventKind.FREE,
    "use": EventKind.USE,
    "begin": EventKind.BEGIN,
    "end": EventKind.END,
    "count": EventKind.COUNT,
    "expect": EventKind.EXPECT,
    "section": EventKind.SECTION,
}


class ScriptTrace:
    """A script as a Trace.  ``aux`` of every row indexes ``script.statements``."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.meta = TraceMeta(
            script.path,
            "script",
            layout="hand-written script with @directives",
            profile=script.profile,
            lines=script.lines,
        )
        self.tables = Tables(callers=list(script.callers), tasks=list(script.callers))

    def batches(self) -> Iterator[EventBatch]:
        """Rows in order; a statement with ``repeat=N`` is N rows."""
        first = 0
        batch = EventBatch(first)
        contexts = self._contexts()
        for index, statement in enumerate(self.script.statements):
            for _ in range(statement.repeat):
                _append(batch, index, statement, contexts[statement.caller])
                if len(batch) == BATCH_EVENTS:
                    yield batch
                    first += BATCH_EVENTS
                    batch = EventBatch(first)
        if len(batch):
            yield batch

    def _contexts(self) -> list[int]:
        """Context bits by caller index; a caller that tells nothing is UNKNOWN."""
        found = []
        for name in self.tables.callers:
            declared = self.script.declarations.get(name)
            word = declared.context if declared else ""
            found.append(int(CONTEXT_BY_NAME[word] if word else Context.UNKNOWN))
        return found


def _append(batch: EventBatch, index: int, statement: Statement, context: int) -> None:
    batch.append(
        _KINDS[statement.operation],
        time_ns=statement.time_ns,
        cpu=statement.cpu,
        context=context,
        order=statement.order,
        gfp=statement.gfp,
        caller=statement.caller,
        task=statement.caller,
        handle=statement.handle,
        aux=index,
        line=statement.line,
    )


def open_script(path: str, *, profile: str | None = None) -> ScriptTrace:
    """Read and check a whole script.  Raises TraceError with line and column."""
    text = _read_text(path)
    if not text.strip():
        raise TraceError("is empty", path=path, expected="a script with at least one statement")
    script = parse_script(text.splitlines(), path, profile)
    if not script.statements:
        raise TraceError("has no statement", path=path, expected="lines TIME CALLER OPERATION ...")
    return ScriptTrace(script)


def _read_text(path: str) -> str:
    try:
        data = Path(path).read_bytes()
        if data[:2] == b"\x1f\x8b":
            import gzip

            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TraceError(f"cannot be read: {reason}", path=path) from None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TraceError(
            f"is not text: byte {data[error.start]:#04x} at offset {error.start}",
            path=path,
            expected="a hand-written script",
        ) from None
    if "\0" in text:
        raise TraceError("is binary data", path=path, expected="a hand-written script")
    return text


def format_script(script: Script) -> str:
    """The script as text that parses to an equal one, times made absolute, comments gone."""
    lines = [_format_machine(script)]
    lines += [_format_prelude(item) for item in script.prelude]
    lines += [_format_declaration(each) for each in script.declarations.values()]
    lines.append("")
    lines += [_format_statement(script, each) for each in script.statements]
    return "\n".join(lines) + "\n"


def _format_machine(script: Script) -> str:
    machine = script.machine
    words = ["@machine"]
    if machine.mem:
        exact = format_bytes(machine.mem)
        words.append(f"mem={exact if '.' not in exact else machine.mem}")
    if machine.machine:
        words.append(f"machine={machine.machine}")
    words.append(f"profile={script.profile}")
    if machine.cpus != 1:
        words.append(f"cpus={machine.cpus}")
    return " ".join([*words, *machine.sysctl])


def _format_prelude(item: Fill | Reclaimable) -> str:
    if isinstance(item, Reclaimable):
        return f"@reclaimable pages={item.pages} dirty={item.dirty}"
    text = f"@fill order={item.order} gfp={item.gfp_text} until_free={item.until_free}"
    if item.free != "none":
        text += f" free={item.free}"
    return text + (f" seed={item.seed}" if item.seed else "")


def _format_declaration(declared: CallerDeclaration) -> str:
    words = ["@caller", declared.name]
    if declared.context:
        words.append(f"context={declared.context}")
    if declared.on_failure:
        words.append(f"on_failure={format_actions(declared.on_failure)}")
    if not declared.free_null:
        words.append("free_null=no")
    if declared.errors:
        words.append("errors=" + ",".join(declared.errors))
    if declared.allow:
        words.append("allow=" + ",".join(declared.allow))
    return " ".join(words)


def _format_statement(script: Script, statement: Statement) -> str:
    seconds, ns = divmod(statement.time_ns, 10**9)
    words = [f"{seconds}.{ns:09d}", script.callers[statement.caller], statement.operation]
    if statement.handle >= 0:
        words.append(script.handles[statement.handle])
    if statement.name:
        words.append(statement.name)
    if statement.status:
        words.append(statement.status)
    if statement.order_given:
        words.append(f"order={statement.order}")
    if statement.operation == "alloc":
        words.append(f"gfp={statement.gfp_text or format_names(statement.gfp, script.profile)}")
        if statement.actions is not None:
            words.append(f"else={format_actions(statement.actions)}")
    if statement.cpu:
        words.append(f"cpu={statement.cpu}")
    if statement.part >= 0:
        words.append(f"part={statement.part}")
    if statement.repeat != 1:
        words.append(f"repeat={statement.repeat}")
    return " ".join(words)
