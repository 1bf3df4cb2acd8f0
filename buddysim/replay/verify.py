"""Compare the simulator with recordings of real kernels: find the cases, check each, add up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from buddysim.errors import TraceError
from buddysim.replay.verify_buddy import check_buddy
from buddysim.replay.verify_case import CaseResult
from buddysim.replay.verify_extfrag import check_extfrag
from buddysim.replay.verify_fault import check_fault
from buddysim.replay.verify_ftrace import check_ftrace, is_ftrace_folder
from buddysim.replay.verify_warning import check_warning
from buddysim.source.oracle import open_oracle

__all__ = ["Check", "find_cases", "verify"]

Check = Callable[[Path], CaseResult]

_FAULT_KEYS = {"capability", "attributes", "attr_before"}
_SCRIPTS = (".oracle.gz", ".jsonl.gz")


def verify(
    paths: Sequence[Path], progress: Callable[[int, int], None] | None = None
) -> Iterator[CaseResult]:
    """Check every case under ``paths``; ``progress`` is told (done, all).

    Raises TraceError for damaged recordings, and where there is nothing to check.
    """
    cases = [case for path in paths for case in find_cases(path)]
    if not cases:
        raise TraceError(
            "no recording found",
            path=" ".join(map(str, paths)),
            expected="*.oracle.gz, *.jsonl.gz, *.extfrag.txt, or folders with trace and snapshots",
        )
    for done, (path, check) in enumerate(cases, 1):
        yield check(path)
        if progress is not None:
            progress(done, len(cases))


def find_cases(path: Path) -> Iterator[tuple[Path, Check]]:
    """The cases of a file or folder, in name order, with what checks each.  Raises TraceError."""
    if not path.exists():
        raise TraceError("no such file or folder", path=str(path))
    if is_ftrace_folder(path):
        yield path, check_ftrace
    elif path.is_dir():
        for inside in sorted(path.iterdir()):
            yield from find_cases(inside)
    else:
        check = _check_of(path)
        if check is not None:
            yield path, check


def _check_of(path: Path) -> Check | None:
    """What checks a file; None for files that are not cases (logs, notes, /proc texts)."""
    name, folder = path.name, path.parent.name
    if name.endswith(".extfrag.txt") or (folder.startswith("extfrag") and name.endswith(".txt")):
        return check_extfrag
    if name.startswith("nth-syscalls") and name.endswith(".jsonl"):
        return check_fault
    if not name.endswith(_SCRIPTS) or name.startswith("snapshots."):
        return None
    return _check_script


def _check_script(path: Path) -> CaseResult:
    """By what the header says the recording is about, else by its set's name."""
    case = open_oracle(path)
    if "fault-injection" in case.set or {"capability", "attributes", "attr_before"} & set(
        case.meta
    ):
        return check_fault(path)
    if "warnings" in case.set or {"HZ", "pattern"} <= set(case.meta):
        return check_warning(path)
    return check_buddy(case)
