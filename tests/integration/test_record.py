"""Recording the running kernel: real where tracefs can be used, skipped elsewhere."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest

from buddysim.cli.main import main
from buddysim.errors import ConfigError
from buddysim.source import record, tracefs
from buddysim.source.packed import PackedTrace
from buddysim.source.page_map import PageKind, PageMap
from buddysim.source.proc import parse_buddyinfo, parse_zoneinfo
from buddysim.source.tracefs import find_tracefs

WORK = "x = bytearray(8 << 20); print('worked')"
COMMAND = [sys.executable, "-m", "buddysim", "record"]
TRIES = 5
SWITCHES = ("tracing_on", "current_tracer", "set_event_pid", "events/kmem/enable")


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Each test looks at all of the kernel's tracing instances: one at a time on a machine."""
    with (Path(gettempdir()) / "buddysim-test-tracefs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def root() -> Path:
    try:
        return find_tracefs()
    except ConfigError as error:
        pytest.skip(f"no usable tracefs: {error}")


def switches(root: Path) -> list[str]:
    return [(root / name).read_text() for name in SWITCHES if (root / name).is_file()]


def instances(root: Path) -> set[str]:
    return {path.name for path in (root / "instances").glob("buddysim-*")}


def is_tracing(root: Path, held: set[str]) -> bool:
    """Has an instance that was not there before been switched on?

    The kernel makes instances that trace, though no event yet.
    """
    fresh = [root / "instances" / name for name in instances(root) - held]
    names = ("events/kmem/mm_page_alloc/enable", "tracing_on")
    return any(all((path / name).read_text() == "1\n" for name in names) for path in fresh)


def test_a_command_is_recorded_and_nothing_stays_behind(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before, held = switches(root), instances(root)
    out = tmp_path / "x.bst"
    assert main(["record", "-o", str(out), "--", sys.executable, "-c", WORK]) == 0
    printed = capfd.readouterr()
    assert printed.out == "worked\n"
    assert "0 lost" in printed.err
    assert switches(root) == before
    assert instances(root) == held
    trace = PackedTrace(str(out))
    assert {"zoneinfo.before.txt", "buddyinfo.after.txt"} <= set(trace.snapshots())
    assert sum(map(len, trace.batches())) > 2000
    assert main(["replay", str(out), "-q", "--format", "json", "--fail-on", "error"]) in {0, 1}


def free_pages_agree(kept: Mapping[str, bytes]) -> bool:
    """Does the map of pages hold about as many free ones as zoneinfo told a moment later?"""
    pages = PageMap.unpacked(kept["kpageflags.before.map"])
    zones = parse_zoneinfo(kept["zoneinfo.before.txt"].decode(), "zoneinfo")
    free = sum(zone.free for zone in zones)
    return abs(pages.count(PageKind.FREE) - free) <= max(4096, free // 20)


def large_blocks_agree(kept: Mapping[str, bytes], report: dict[str, Any]) -> bool:
    """Does the replay start with about as many large free blocks as buddyinfo told?"""
    rows = {row.zone: row for row in parse_buddyinfo(kept["buddyinfo.before.txt"].decode())}
    for zone, counts in zip(report["zones"], report["samples"][0]["nr_free"], strict=True):
        # The machine goes on while its map is taken, mostly in small blocks.
        large = sum(rows[zone["name"]].nr_free[8:])
        if abs(sum(counts[8:]) - large) > max(8, large // 10):
            return False
    return True


def test_a_recording_starts_where_the_machine_was(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.bst"
    # Whatever else runs here may end, or begin, between the map and what it is compared with.
    for _ in range(TRIES):
        assert main(["record", "-o", str(out), "--", sys.executable, "-c", WORK]) == 0
        told = capfd.readouterr().err
        assert re.search(
            r"overhead: about \d+\.\d\d s of cpu time for the events, 0.7 us each", told
        )
        if "/proc/kpageflags" in told:
            pytest.skip("/proc/kpageflags may not be read here")
        kept = PackedTrace(str(out)).snapshots()
        assert PageMap.unpacked(kept["kpageflags.before.map"]).count(PageKind.LRU) > 1000
        assert main(["replay", str(out), "-q", "--format", "json"]) in {0, 1}
        report = json.loads(capfd.readouterr().out)
        assert report["machine"].startswith("kpageflags of the recording: ")
        if free_pages_agree(kept) and large_blocks_agree(kept, report):
            return
    pytest.fail(f"the start of none of {TRIES} recordings is what the kernel told of it")


def test_without_a_page_map_blocks_are_placed_by_rule(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.bst"
    options = ["-q", "--no-page-map", "--stacks"]
    assert main(["record", "-o", str(out), *options, "--", sys.executable, "-c", WORK]) == 0
    capfd.readouterr()
    trace = PackedTrace(str(out))
    assert "kpageflags.before.map" not in trace.snapshots()
    assert sum(map(len, trace.batches())) > 2000
    assert len(trace.tables.stacks) > 20
    assert main(["replay", str(out), "-q", "--format", "json"]) in {0, 1}
    report = json.loads(capfd.readouterr().out)
    assert report["machine"].endswith("of the recording: free blocks placed by rule")
    assert any("fault" in row["caller"] for row in report["callers"])


def test_the_command_s_exit_status_is_ours_and_its_death_leaves_nothing(
    root: Path, tmp_path: Path
) -> None:
    held = instances(root)
    out = str(tmp_path / "x.bst")
    assert main(["record", "-q", "-o", out, "--", "sh", "-c", "exit 3"]) == 3
    killed = "import os, signal; x = bytearray(4 << 20); os.kill(os.getpid(), signal.SIGKILL)"
    assert main(["record", "-q", "-o", out, "--", sys.executable, "-c", killed]) != 0
    assert instances(root) == held


def test_ctrl_c_keeps_what_was_recorded(root: Path, tmp_path: Path) -> None:
    held = instances(root)
    out = tmp_path / "system.bst"
    options = ["-q", "-o", str(out), "--duration", "60s", "--buffer", "512K"]
    command = [*COMMAND, *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while not is_tracing(root, held) and time.monotonic() < deadline:
        time.sleep(0.05)
    subprocess.run([sys.executable, "-c", WORK], check=True, stdout=subprocess.DEVNULL)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert instances(root) == held
    assert sum(map(len, PackedTrace(str(out)).batches())) > 0


def start(words: list[str], out: Path) -> subprocess.Popen[bytes]:
    """The recorder in a session of its own, as a shell would start it."""
    command = [*COMMAND, "-q", "--no-page-map"]
    return subprocess.Popen(
        [*command, "-o", str(out), *words],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert what()


THREE = ["--", "sh", "-c", "exit 3"]
LONG = ["--", sys.executable, "-c", f"{WORK}\nimport time; time.sleep(60)"]


def ctrl_c_once(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_during_a_command_keeps_what_was_recorded(root: Path, tmp_path: Path) -> None:
    held, before = instances(root), switches(root)
    out = tmp_path / "x.bst"
    process = start(LONG, out)
    wait_for(lambda: is_tracing(root, held))
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 128 + signal.SIGINT
    assert (instances(root), switches(root)) == (held, before)
    assert sum(map(len, PackedTrace(str(out)).batches())) > 0


def test_ctrl_c_in_the_moment_a_command_ends_does_not_lose_its_status(
    root: Path, tmp_path: Path
) -> None:
    # The kernel sends SIGCHLD with the status: the handler runs as the wait returns with it.
    former = signal.signal(signal.SIGCHLD, ctrl_c_once)
    try:
        out = tmp_path / "x.bst"
        assert main(["record", "-q", "--no-page-map", "-o", str(out), *THREE]) == 3
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, former)
    assert PackedTrace(str(out)).snapshots()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("moment", ["_wait", "_stop"])
def test_ctrl_c_just_before_or_after_the_wait_keeps_what_was_recorded(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    step = getattr(record, moment)

    def interrupted(*arguments: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return step(*arguments)

    monkeypatch.setattr(record, moment, interrupted)
    out = tmp_path / "x.bst"
    assert main(["record", "-q", "--no-page-map", "-o", str(out), *THREE]) == 3
    assert PackedTrace(str(out)).snapshots()


def test_a_second_ctrl_c_ends_a_recording_that_does_not_end(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> object:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return None

    held = instances(root)
    monkeypatch.setattr(record, "_stop", interrupted)
    out = tmp_path / "x.bst"
    assert main(["record", "-q", "--no-page-map", "-o", str(out), *THREE]) == 130
    assert not out.exists()
    assert instances(root) == held


def test_a_killed_command_is_still_a_recording(root: Path, tmp_path: Path) -> None:
    held, before = instances(root), switches(root)
    out = tmp_path / "x.bst"
    process = start([*LONG, "target"], out)
    wait_for(lambda: is_tracing(root, held))
    time.sleep(1)
    (child,) = children(process.pid, b"target")
    os.kill(child, signal.SIGKILL)
    assert process.wait(timeout=60) == 128 + signal.SIGKILL
    assert (instances(root), switches(root)) == (held, before)
    assert sum(map(len, PackedTrace(str(out)).batches())) > 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_killed_recorder_leaves_no_instance(
    root: Path, tmp_path: Path, number: signal.Signals
) -> None:
    held, before = instances(root), switches(root)
    process = start(["--duration", "60s", "--buffer", "512K"], tmp_path / "x.bst")
    wait_for(lambda: is_tracing(root, held))
    process.send_signal(number)
    process.wait(timeout=20)
    wait_for(lambda: instances(root) <= held)
    assert switches(root) == before
    assert not (tmp_path / "x.bst").exists()


def test_a_recorder_killed_at_any_moment_leaves_no_instance(root: Path, tmp_path: Path) -> None:
    held = instances(root)
    process = start(["--duration", "60s", "--buffer", "512K"], tmp_path / "x.bst")
    wait_for(lambda: bool(instances(root) - held))
    process.kill()
    process.wait(timeout=20)
    wait_for(lambda: instances(root) <= held)


def test_an_instance_of_somebody_else_is_left_alone(root: Path) -> None:
    path = root / "instances" / "buddysim-test-foreign"
    path.mkdir()
    try:
        with pytest.raises(ConfigError, match="exists"), tracefs.Instance(root, path.name):
            pass
        assert path.is_dir()
    finally:
        path.rmdir()


def children(parent: int, word: bytes) -> list[int]:
    """Processes started by ``parent`` whose command line ends in ``word``."""
    pids = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    lines = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids}
    return [pid for pid, line in lines.items() if line.rstrip(b"\0").endswith(word)]


def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracefs, "_ROOTS", (tmp_path / "absent",))
    assert main(["record", "-o", str(tmp_path / "x.bst"), "--", "true"]) == 2
    assert "tracefs is not mounted" in capsys.readouterr().err
    assert not (tmp_path / "x.bst").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["-o", "x.bst"],
        ["-o", "x.bst", "--duration", "1s", "--", "true"],
        ["-o", "x.txt", "--", "true"],
        ["-o", "x.bst", "--duration", "soon"],
        ["-o", "nowhere/at/all/x.bst", "--", "touch", "x.bst"],
    ],
)
def test_bad_usage_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("x.bst").exists()


def test_a_command_that_does_not_exist(root: Path, tmp_path: Path) -> None:
    held = instances(root)
    out = str(tmp_path / "x.bst")
    assert main(["record", "-q", "-o", out, "--", "no-such-command-anywhere"]) != 0
    assert instances(root) == held
