"""A private tracefs instance: our own buffer and switches, nothing global touched, always removed.

Fact sheet 13 and "traces in the wild": on locked-down machines the global ftrace switches cannot
be written, but instances can be made.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from buddysim.errors import ConfigError

__all__ = ["EVENTS", "Instance", "find_tracefs"]

_ROOTS = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
EVENTS = (
    "kmem/mm_page_alloc",
    "kmem/mm_page_free",
    "kmem/mm_page_free_batched",
    "kmem/mm_page_alloc_zone_locked",
    "kmem/mm_page_pcpu_drain",
    "kmem/mm_page_alloc_extfrag",
    "vmscan/mm_vmscan_kswapd_wake",
    "vmscan/mm_vmscan_kswapd_sleep",
    "vmscan/mm_vmscan_wakeup_kswapd",
    "vmscan/mm_vmscan_direct_reclaim_begin",
    "vmscan/mm_vmscan_direct_reclaim_end",
    "compaction/mm_compaction_begin",
    "compaction/mm_compaction_end",
    "compaction/mm_compaction_migratepages",
    "oom/mark_victim",
)
"""What is recorded, as far as the running kernel has it."""


def find_tracefs() -> Path:
    """The mounted tracefs.  Raises ConfigError saying precisely what is missing."""
    for root in _ROOTS:
        if (root / "instances").is_dir():
            if not os.access(root / "instances", os.W_OK):
                raise ConfigError(
                    f"{root}/instances cannot be written",
                    hint="run as root, or with CAP_DAC_OVERRIDE and tracefs not locked down",
                )
            return root
    raise ConfigError(
        "tracefs is not mounted", hint="as root: mount -t tracefs tracefs /sys/kernel/tracing"
    )


_GUARD = """
read -r _
[ -d "$0" ] || exit 0
echo 0 > "$0/tracing_on"
echo 0 > "$0/events/enable"
for _ in 1 2 3 4 5 6 7 8 9 10; do rmdir "$0" && exit 0; sleep 0.2; done
"""
"""What a child in a session of its own does once our end of its pipe is closed, also by SIGKILL."""
_REMOVAL_TRIES = 20
_REMOVAL_PAUSE_S = 0.05


class Instance:
    """One tracefs instance.  A context manager; leaving removes it whatever happened.

    Should this process be killed, a small child of ours removes it.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / "instances" / name
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Instance:
        # The guard comes first: there is no moment in which a kill would leave the instance.
        self._guard = self._started_guard()
        try:
            self.path.mkdir()
        except OSError as error:
            self._dismiss_guard()
            if isinstance(error, FileExistsError):
                hint = f"a recording left it behind, or runs: rmdir {self.path}"
                raise ConfigError(f"{self.path} exists", hint=hint) from None
            raise ConfigError(
                f"cannot make {self.path}: {error.strerror}",
                hint="is the kernel locked down (cat /sys/kernel/security/lockdown)?",
            ) from None
        return self

    def _started_guard(self) -> subprocess.Popen[bytes] | None:
        with suppress(OSError):
            return subprocess.Popen(
                ["sh", "-c", _GUARD, str(self.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return None

    def _dismiss_guard(self) -> None:
        """The folder is not ours: nobody shall remove it."""
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()

    def __exit__(self, *details: object) -> None:
        self.write("tracing_on", "0", required=False)
        self.write("events/enable", "0", required=False)
        self._remove()
        if self._guard is not None:
            self._guard.communicate()

    def _remove(self) -> None:
        """Remove the folder, which is busy for a moment after a reader closed its files."""
        for _ in range(_REMOVAL_TRIES):
            with suppress(OSError):
                self.path.rmdir()
                return
            time.sleep(_REMOVAL_PAUSE_S)
        self.path.rmdir()

    def write(self, name: str, text: str, *, required: bool = True) -> bool:
        """Write one control file; False when it is missing or refused and not ``required``."""
        try:
            (self.path / name).write_text(text, encoding="ascii")
        except OSError as error:
            if required:
                raise ConfigError(f"cannot write {self.path / name}: {error.strerror}") from None
            return False
        return True

    def enable(self, events: tuple[str, ...] = EVENTS) -> list[str]:
        """Switch events on; those the kernel lacks.  Raises ConfigError without mm_page_alloc."""
        missing = [
            event
            for event in events
            if not self.write(f"events/{event}/enable", "1", required=False)
        ]
        if "kmem/mm_page_alloc" in missing:
            raise ConfigError("this kernel has no kmem:mm_page_alloc event")
        return missing

    def follow(self, pid: int) -> None:
        """Record only a process and the children it will have."""
        self.write("options/event-fork", "1", required=False)
        self.write("set_event_pid", str(pid))

    def with_stacks(self) -> None:
        """Record the kernel's call chain of every event.  Raises ConfigError."""
        self.write("options/stacktrace", "1")

    def lost(self) -> int:
        """Events the ring buffers overwrote or dropped, over all cpus."""
        return sum(self._stat("overrun")) + sum(self._stat("dropped events"))

    def fullest(self) -> int:
        """Bytes in the fullest cpu's ring buffer."""
        return max(self._stat("bytes"), default=0)

    def _stat(self, word: str) -> Iterator[int]:
        for stats in sorted(self.path.glob("per_cpu/cpu*/stats")):
            for line in stats.read_text(encoding="ascii").splitlines():
                name, _, value = line.partition(":")
                if name.strip() == word:
                    yield int(value)

    def text(self) -> Iterator[bytes]:
        """The recorded trace as text, in blocks."""
        with (self.path / "trace").open("rb") as stream:
            while block := stream.read(1 << 20):
                yield block
