"""The grammar of hand-written traces: directives and statements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from buddysim.errors import ConfigError
from buddysim.kernel.context import CONTEXT_BY_NAME
from buddysim.kernel.profile import DEFAULT_PROFILE, profile_of
from buddysim.source.action import parse_actions, parse_errno
from buddysim.source.script_line import Field, Options, ScriptLine
from buddysim.source.statement import (
    CallerDeclaration,
    Fill,
    MachineOptions,
    Reclaimable,
    Script,
    Statement,
)
from buddysim.units import parse_bytes

__all__ = ["OPERATIONS", "SYSCTL_NAMES", "parse_script"]

SYSCTL_NAMES = (
    "min_free_kbytes",
    "watermark_scale_factor",
    "watermark_boost_factor",
    "lowmem_reserve_ratio",
    "extfrag_threshold",
    "percpu_pagelist_high_fraction",
)
OPERATIONS = ("alloc", "begin", "count", "end", "expect", "free", "section", "use")
_DIRECTIVES = ("@caller", "@fill", "@machine", "@reclaimable")
_SECTIONS = ("end", "nofs", "noio")
_NAME = re.compile(r"[A-Za-z_][\w.:/\-\[\]]*")
_SHARE = re.compile(r"none|every([1-9]\d{0,5})|random:(\d{1,3})")
_CODE = re.compile(r"BS\d{3}")
_MAX_PAGES = 1 << 28
_MAX_REPEAT = 1_000_000
_MAX_CPUS = 1024


def parse_script(lines: Iterable[str], path: str, profile: str | None = None) -> Script:
    """Read a script.  ``profile`` overrides the one it names.

    Raises TraceError with line, column and the nearest valid word.
    """
    cut = [ScriptLine.cut(path, number, text) for number, text in enumerate(lines, 1)]
    script = Script(path, profile or DEFAULT_PROFILE, lines=len(cut))
    for line in cut:
        if line.fields and line.fields[0].text == "@machine":
            _read_machine(script, line)
    if profile is None and script.machine.profile:
        script.profile = script.machine.profile
    reader = _Reader(script)
    for line in cut:
        if line.fields:
            reader.read(line)
    return script


def _read_machine(script: Script, line: ScriptLine) -> None:
    if script.machine.line:
        line.fail("a second @machine", 1, f"one; the first is on line {script.machine.line}")
    known = ("cpus", "machine", "mem", "profile", *SYSCTL_NAMES)
    options = Options(line, line.fields[1:], known)
    if "mem" in options and "machine" in options:
        line.fail("both mem and machine", line.fields[0].column, "one of them")
    sysctl = [
        f"{name}={options.value(name, _numbers, '')}" for name in SYSCTL_NAMES if name in options
    ]
    script.machine = MachineOptions(
        mem=options.value("mem", parse_bytes, 0),
        machine=options.text("machine"),
        profile=options.value("profile", lambda text: profile_of(text).name, ""),
        cpus=options.whole("cpus", 1, 1, _MAX_CPUS, "cpus"),
        sysctl=tuple(sysctl),
        line=line.number,
    )


def _numbers(text: str) -> str:
    if not text or not all(part.isdecimal() for part in text.split(",")):
        raise ConfigError(f"value {text!r}", expected="a whole number")
    return text


def _share(text: str) -> str:
    match = _SHARE.fullmatch(text)
    if match is None or (match[2] and int(match[2]) > 100):
        raise ConfigError(
            f"free={text}", expected="none, every2, every4, or random:P with P in percent"
        )
    return text


def _yes(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ConfigError(f"{text!r}", expected="yes or no")
    return text == "yes"


def _errnos(text: str) -> tuple[str, ...]:
    return tuple(parse_errno(word) for word in text.split(","))


def _codes(text: str) -> tuple[str, ...]:
    for word in text.split(","):
        if not _CODE.fullmatch(word):
            raise ConfigError(f"{word!r}", expected="codes of findings such as BS106")
    return tuple(text.split(","))


class _Reader:
    """Lines in order; knows which handles and transactions have been named so far."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._now_ns = 0
        self._callers = {name: index for index, name in enumerate(script.callers)}
        self._handles: dict[str, int] = {}
        self._held: dict[str, int] = {}
        """Handle -> line of the alloc that has not been freed in the text yet."""
        self._open: dict[tuple[int, str], int] = {}
        self._operations: dict[str, Callable[[ScriptLine, int, tuple[Field, ...]], Statement]] = {
            "alloc": self._alloc,
            "begin": self._begin,
            "count": self._count,
            "end": self._end,
            "expect": self._expect,
            "free": self._free,
            "section": self._section,
            "use": self._use,
        }

    def read(self, line: ScriptLine) -> None:
        """Take in one line that is not empty."""
        head = line.fields[0]
        if head.text.startswith("@"):
            self._directive(line, head)
            return
        self._now_ns = line.time_ns(head, self._now_ns)
        if len(line.fields) < 3:
            line.fail("an unfinished statement", head.column, "TIME CALLER OPERATION ...")
        caller = self._caller(line, line.fields[1])
        operation = line.fields[2]
        handler = self._operations.get(operation.text)
        if handler is None:
            line.unknown("operation", operation, OPERATIONS)
        self._script.statements.append(handler(line, caller, line.fields[3:]))

    def _directive(self, line: ScriptLine, head: Field) -> None:
        if head.text == "@caller":
            self._declare(line)
        elif head.text == "@fill":
            self._prelude(line, self._fill(line))
        elif head.text == "@reclaimable":
            options = Options(line, line.fields[1:], ("dirty", "pages"))
            pages = options.whole("pages", 0, 0, _MAX_PAGES, "pages")
            dirty = options.whole("dirty", 0, 0, 100, "percent")
            self._prelude(line, Reclaimable(pages, dirty, line.number))
        elif head.text != "@machine":
            line.unknown("directive", head, _DIRECTIVES)

    def _prelude(self, line: ScriptLine, item: Fill | Reclaimable) -> None:
        if self._script.statements:
            line.fail(f"{line.fields[0].text} after the story began", 1, "it before any statement")
        self._script.prelude.append(item)

    def _fill(self, line: ScriptLine) -> Fill:
        known = ("free", "gfp", "order", "seed", "until_free")
        options = Options(line, line.fields[1:], known)
        if "until_free" not in options:
            line.fail("@fill without until_free", line.fields[0].column, "until_free=PAGES")
        gfp, text = options.gfp(self._script.profile, "GFP_USER")
        return Fill(
            order=options.order(),
            gfp=gfp,
            gfp_text=text,
            until_free=options.whole("until_free", 0, 0, _MAX_PAGES, "pages"),
            free=options.value("free", _share, "none"),
            seed=options.whole("seed", 0, 0, 1 << 62, ""),
            line=line.number,
        )

    def _declare(self, line: ScriptLine) -> None:
        if len(line.fields) < 2:
            line.fail("@caller without a name", line.fields[0].column, "@caller NAME ...")
        name = self._name(line, line.fields[1], "caller")
        known = ("allow", "context", "errors", "free_null", "on_failure")
        options = Options(line, line.fields[2:], known)
        earlier = self._script.declarations.get(name)
        if earlier is not None:
            line.fail(
                f"caller {name} declared twice",
                line.fields[1].column,
                f"one declaration; the first is on line {earlier.line}",
            )
        self._script.declarations[name] = CallerDeclaration(
            name=name,
            context=options.word("context", CONTEXT_BY_NAME, ""),
            on_failure=options.value("on_failure", parse_actions, ()),
            free_null=options.value("free_null", _yes, True),
            errors=options.value("errors", _errnos, ()),
            allow=options.value("allow", _codes, ()),
            line=line.number,
        )

    def _name(self, line: ScriptLine, field: Field, what: str) -> str:
        if not _NAME.fullmatch(field.text):
            line.fail(f"{what} {field.text!r}", field.column, "a name that begins with a letter")
        return field.text

    def _caller(self, line: ScriptLine, field: Field) -> int:
        name = self._name(line, field, "caller")
        if name not in self._callers:
            self._callers[name] = len(self._script.callers)
            self._script.callers.append(name)
        return self._callers[name]

    def _first(self, line: ScriptLine, rest: tuple[Field, ...], what: str) -> Field:
        if not rest:
            operation = line.fields[2]
            line.fail(f"{operation.text} without {what}", operation.column, f"{what} after it")
        return rest[0]

    def _only(self, line: ScriptLine, rest: tuple[Field, ...], count: int) -> None:
        if len(rest) > count:
            line.fail(f"{rest[count].text!r} is too much here", rest[count].column)

    def _alloc(self, line: ScriptLine, caller: int, rest: tuple[Field, ...]) -> Statement:
        field = self._first(line, rest, "a handle")
        if "=" in field.text:
            line.fail(f"{field.text!r} where the handle goes", field.column, "alloc HANDLE ...")
        name = self._name(line, field, "handle")
        if name in self._held:
            line.fail(
                f"duplicate handle {name!r}",
                field.column,
                f"a new name, or a free of the one from line {self._held[name]} first",
            )
        options = Options(line, rest[1:], ("cpu", "else", "gfp", "order", "repeat"))
        gfp, text = options.gfp(self._script.profile)
        self._held[name] = line.number
        return Statement(
            line=line.number,
            time_ns=self._now_ns,
            caller=caller,
            operation="alloc",
            handle=self._handle(name),
            order=options.order(),
            order_given="order" in options,
            gfp=gfp,
            gfp_text=text if "gfp" in options else "",
            cpu=self._cpu(options),
            repeat=options.whole("repeat", 1, 1, _MAX_REPEAT, "times"),
            actions=options.value("else", parse_actions, None),
        )

    def _cpu(self, options: Options) -> int:
        return options.whole("cpu", 0, 0, self._script.machine.cpus - 1, "(cpus of @machine)")

    def _handle(self, name: str) -> int:
        if name not in self._handles:
            self._handles[name] = len(self._script.handles)
            self._script.handles.append(name)
        return self._handles[name]

    def _known_handle(self, line: ScriptLine, rest: tuple[Field, ...]) -> int:
        field = self._first(line, rest, "a handle")
        if field.text not in self._handles:
            line.unknown("handle", field, self._handles)
        return self._handles[field.text]

    def _use(self, line: ScriptLine, caller: int, rest: tuple[Field, ...]) -> Statement:
        handle = self._known_handle(line, rest)
        self._only(line, rest, 1)
        return Statement(line.number, self._now_ns, caller, "use", handle)

    def _free(self, line: ScriptLine, caller: int, rest: tuple[Field, ...]) -> Statement:
        handle = self._known_handle(line, rest)
        options = Options(line, rest[1:], ("cpu", "order", "part"))
        if "part" in options and "order" not in options:
            line.fail("part without order", line.fields[2].column, "order=K part=I")
        self._held.pop(self._script.handles[handle], None)
        return Statement(
            line=line.number,
            time_ns=self._now_ns,
            caller=caller,
            operation="free",
            handle=handle,
            order=options.order(),
            order_given="order" in options,
            cpu=self._cpu(options),
            part=options.whole("part", -1, 0, 1023, "(pieces are counted from 0)"),
        )

    def _begin(self, line: ScriptLine, caller: int, rest: tuple[Field, ...]) -> Statement:
        field = self._first(line, rest, "a transaction")
        name = self._name(line, field, "transaction")
        self._only(line, rest, 1)
        if (caller, name) in self._open:
            line.fail(f"transaction {name!r} is open since line {self._open[caller, name]}",
                      field.column, "an end before the next begin")  # fmt: skip
        self._open[caller, name] = line.number
        return Statement(line.number, self._now_ns, caller, "begin", name=name)

    def _end(self, line: ScriptLine, caller: int, rest: tuple[Field, ...]) -> Statement:
        field = self._first(line, rest, "a transaction")
        if (caller, field.text) not in self._open:
            mine = [name for owner, name in self._open if owner == caller]
            line.unknown("transaction", field, mine)
        if len(rest) < 2:
            line.fail("end without a status", field.column, "ok or an errno such as ENOMEM")
        self._only(line, rest, 2)
        status = rest[1].text
        if status != "ok":
            status = line.read(parse_errno, status, rest[1].column)
        del self._open[caller, field.text]
        return Statement(line.number, self._now_ns, caller, "end", name=field.text, status=status)

    def _count(self, line: ScriptLine, caller: int, rest: tuple[Field, ...]) -> Statement:
        name = self._name(line, self._first(line, rest, "a counter"), "counter")
        self._only(line, rest, 1)
        return Statement(line.number, self._now_ns, caller, "count", name=name)

    def _expect(self, line: ScriptLine, caller: int, rest: tuple[Field, ...]) -> Statement:
        field = self._first(line, rest, "an expression")
        expression = " ".join(line.text[field.column - 1 :].split())
        return Statement(
            line.number, self._now_ns, caller, "expect", name=expression, column=field.column
        )

    def _section(self, line: ScriptLine, caller: int, rest: tuple[Field, ...]) -> Statement:
        field = self._first(line, rest, "noio, nofs or end")
        if field.text not in _SECTIONS:
            line.unknown("section", field, _SECTIONS)
        self._only(line, rest, 1)
        return Statement(line.number, self._now_ns, caller, "section", name=field.text)
