"""Does it matter, and whose fault is it: the asker's or the holder's of the memory."""

from __future__ import annotations

import re
from dataclasses import dataclass

from buddysim.explain.asked import Asked
from buddysim.explain.cause import Cause
from buddysim.kernel.gfp import Gfp
from buddysim.source.kernel_log_model import FailureReport

__all__ = ["VERDICTS", "Verdict", "judge"]

VERDICTS = ("harmless", "degraded", "harmful", "cannot-tell")
_NETWORK = re.compile(
    r"napi|skb|netif_receive|net_rx|_rx_|_rx$|rx_|sk_clone|sk_prot_alloc|tcp_v[46]_rcv|alloc_rx"
)
_FALLBACK = re.compile(r"kvmalloc|kvzalloc|ttm_pool|vb2_|uvc_alloc|xfs_buf_alloc|__vmalloc")
_STORAGE = re.compile(r"\b(?:mmc|nvme|scsi|ata|blk_mq|dm_|swap_writepage|btrfs_|ext4_|xfs_)")
_COSTLY = 3
_HOLDERS = {
    "active_anon": "anonymous memory of processes",
    "inactive_anon": "anonymous memory of processes",
    "shmem": "shared memory",
    "slab_unreclaimable": "the kernel's own objects (unreclaimable slab)",
    "unevictable": "locked memory",
}


@dataclass(frozen=True)
class Verdict:
    """One of :data:`VERDICTS` with confidence 0..1, reason, culprit and log lines."""

    name: str
    confidence: float
    reason: str
    fault: str
    """``asker``, ``holder``, ``nobody`` or ``cannot-tell``, with why."""
    lines: tuple[int, ...]


def judge(report: FailureReport, asked: Asked, cause: Cause) -> Verdict:
    """Harm as far as the log shows it."""
    lines = (report.line, *((report.first_frame_line,) if report.first_frame_line else ()))
    name, confidence, reason = _harm(report, asked, cause)
    return Verdict(name, confidence, reason, _fault(report, asked, cause), lines)


def _harm(report: FailureReport, asked: Asked, cause: Cause) -> tuple[str, float, str]:
    if cause.name == "injected":
        return "harmless", 0.95, "the shortage was made on purpose; it tests the error path"
    if report.kind in {"meminfo_only", "stall", "headless"}:
        return "cannot-tell", 0.9, "the log does not show a failed request"
    if report.kind == "oom":
        return "harmful", 0.95, "the OOM killer ends a process"
    frames = " ".join(report.frames[:25])
    order = report.order or 0
    if not asked.may_sleep and _NETWORK.search(frames):
        if report.suppressed > _COSTLY * 10:
            return "degraded", 0.7, "network packets are dropped, again and again"
        return "harmless", 0.8, "a network buffer: the packet is dropped and sent again"
    if _FALLBACK.search(frames) and order > _COSTLY:
        return "harmless", 0.7, "large buffers of this caller fall back to smaller ones"
    if (asked.gfp or 0) & Gfp.NORETRY and order > _COSTLY:
        return "harmless", 0.6, "__GFP_NORETRY: the caller says that it can do without"
    return _harm_by_cause(report, cause, frames)


def _harm_by_cause(report: FailureReport, cause: Cause, frames: str) -> tuple[str, float, str]:
    if cause.name == "impossible-order":
        return "harmful", 0.7, "this request can never succeed: the caller is wrong"
    if _STORAGE.search(frames):
        return "harmful", 0.6, "a storage path lost its memory: I/O may fail"
    if cause.name == "exhausted":
        return "harmful", 0.75, "the machine is out of memory for such requests"
    if cause.name == "unknown" and not report.frames:
        return "cannot-tell", 0.9, "neither the caller nor the memory is in the log"
    if cause.name == "unknown":
        return "cannot-tell", 0.6, "the caller is known, the state of memory is not"
    return "degraded", 0.6, "one operation gets an error; the system goes on"


def _fault(report: FailureReport, asked: Asked, cause: Cause) -> str:
    order = report.order or 0
    if cause.name in {"unknown", "other"}:
        return "cannot-tell: the log does not show who holds the memory"
    if cause.name == "injected":
        return "nobody: the failure was injected"
    if cause.name == "impossible-order":
        return "asker: the request is impossible"
    if cause.name == "fragmented" and order > _COSTLY:
        size = report.page_size_kb << order
        return f"asker: {size} KiB in one piece is more than a kernel can promise"
    if cause.name in {"fragmented", "reserved", "wrong-migratetype"}:
        return "asker: it needs pages in one piece where single pages are at hand"
    if cause.name == "zone-restricted":
        return "asker: it can use one part of the memory only"
    if cause.name != "exhausted" and not asked.may_sleep:
        return "asker: it cannot wait for memory that reclaim would find"
    return f"holder: {_largest_holder(report)}"


def _largest_holder(report: FailureReport) -> str:
    pages, name = max((report.counters.get(name, 0), name) for name in _HOLDERS)
    if not pages:
        return "the log does not say who holds the memory"
    return f"{_HOLDERS[name]}, {pages * report.page_size_kb} KiB (line {report.counters_line})"
