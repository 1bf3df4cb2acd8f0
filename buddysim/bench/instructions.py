"""Instructions an event, as valgrind counts them: a figure without noise."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from array import array
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from buddysim.bench.cores import BOUND, live_pages
from buddysim.bench.plan import AllocPlan, build_plan
from buddysim.bench.race import Race, Run
from buddysim.errors import ConfigError

__all__ = ["Part", "drive", "instruction_races", "instructions_per_event"]

Part = Literal["core", "allocator", "bound"]

_MEM = 64 << 20
_FEW, _MANY = 200_000, 400_000
_TOTAL = re.compile(r"Collected : (\d+)")
_COLUMNS = {"order": "b", "slot": "i", "gfp": "I", "migratetype": "b"}


def instruction_races() -> Iterator[Race]:
    """The core, and the whole allocator, against the lower bound; none without valgrind."""
    if shutil.which("valgrind") is None:
        return
    parts: tuple[Part, ...] = ("core", "allocator")
    for part in parts:
        yield Race(
            group="instructions",
            name=f"{part}, 64M",
            unit="instructions/event",
            work=1,
            yardstick=BOUND,
            prepare=partial(_prepare, part),
        )


def _prepare(part: Part, folder: Path) -> tuple[Run, Run]:
    return (
        lambda: instructions_per_event(part, folder),
        lambda: instructions_per_event("bound", folder),
    )


def instructions_per_event(part: Part, folder: Path) -> float:
    """Instructions of one event of the made-up plan, start-up not counted.

    Two runs under callgrind that differ only in their length; ``folder`` takes the plan.
    Raises ConfigError where valgrind is missing or cannot tell.
    """
    plan = build_plan(_MANY, live_pages(_MEM))
    _save(plan, folder)
    few, many = (_count(part, rows, plan.nr_slots, folder) for rows in (_FEW, _MANY))
    return (many - few) / (_MANY - _FEW)


def _count(part: Part, rows: int, nr_slots: int, folder: Path) -> int:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise ConfigError("no valgrind", expected="valgrind on the PATH")
    code = (
        "import sys; from pathlib import Path; from buddysim.bench.instructions import drive; "
        f"drive({part!r}, {rows}, {nr_slots}, Path(sys.argv[1]))"
    )
    out = "--callgrind-out-file=/dev/null"
    argv = [valgrind, "--tool=callgrind", out, sys.executable, "-c", code, str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    total = _TOTAL.search(done.stderr)
    if done.returncode or total is None:
        raise ConfigError(f"valgrind: {done.stderr.strip()[-200:]}", expected="a count")
    return int(total[1])


def _save(plan: AllocPlan, folder: Path) -> None:
    for name in _COLUMNS:
        (folder / name).write_bytes(getattr(plan, name).tobytes())


def drive(part: Part, rows: int, nr_slots: int, folder: Path) -> None:
    """What is counted: load the plan, run its first ``rows`` rows."""
    from buddysim.bench.core_loop import run_allocator
    from buddysim.bench.lower_bound import SplitMerge, run_bound
    from buddysim.mm.machine import MachineSpec, build_machine
    from buddysim.units import PAGE_SIZE

    columns = {name: array(code) for name, code in _COLUMNS.items()}
    for name, column in columns.items():
        column.frombytes((folder / name).read_bytes())
    plan = AllocPlan(**columns, nr_slots=nr_slots)
    held = array("q", bytes(8 * nr_slots))
    if part == "bound":
        run_bound(SplitMerge(_MEM // PAGE_SIZE), plan, 0, rows, held)
        return
    machine = build_machine(MachineSpec.from_mem(_MEM, profile="6.12"))
    if part == "core":
        machine.zones[-1].run_rows(plan.order, plan.slot, plan.migratetype, held, 0, rows)
    else:
        run_allocator(machine.allocator, plan, 0, rows, held)
