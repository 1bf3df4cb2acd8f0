"""Lesson 6: jumbo frames and scatter/gather."""

from __future__ import annotations

from buddysim.lesson.course._reading import caller_rows
from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.play import play_run

__all__ = ["LESSON"]

_TEXT = """\
With an MTU of 9000 the e1000 driver of 2.6.25 sets buffers of 16 KiB, adds its padding and the
packet's bookkeeping, and so passes 16 KiB by a few bytes.  kmalloc rounds up to 32 KiB: eight
neighbouring pages, in an interrupt, for one packet.

After some uptime such blocks are rare.  The log fills with "order:3, mode:0x4020" while tens of
megabytes are free, and packets are dropped.

The cure was not a better allocator but a better request: hardware that can scatter one frame over
several buffers.  Three single pages carry 9000 bytes, and single pages are there as long as
anything is free."""


def _play() -> Observation:
    run = play_run("jumbo.trace")
    whole, pages = run.caller("whole_frame"), run.caller("scatter_gather")
    numbers = {
        "frames": whole.attempted,
        "whole_failed": whole.failed,
        "sg_frames": pages.attempted // 3,
        "sg_failed": pages.failed,
        "free_mb": sum(zone.free_pages for zone in run.zones) / 256,
        "order3_wasted": 100 * (1 - 9000 / 32768),
    }
    table = Table("Requests", ("caller", "asked", "got", "refused"), caller_rows(run))
    return Observation(numbers, (table,), {"run": run})


LESSON = Lesson(
    number=6,
    name="jumbo",
    title="Jumbo frames and scatter/gather",
    text=_TEXT,
    play=_play,
    scenario="jumbo.trace",
    claims=(
        Claim(
            "With {free_mb} MiB free, {whole_failed} of {frames} frames find no block of order 3.",
            lambda n: n["free_mb"] > 8 and n["whole_failed"] == n["frames"],
        ),
        Claim(
            "As single pages, all {sg_frames} frames are received.",
            lambda n: n["sg_failed"] == 0 and n["sg_frames"] == n["frames"],
        ),
        Claim(
            "Even when it works, {order3_wasted} % of an order-3 block carries nothing.",
            lambda n: n["order3_wasted"] > 70,
        ),
    ),
    exercises=(
        Exercise(
            "Which order does the same driver need at MTU 1500, 4000 and 8000?",
            "2048, 4096 and 8192 bytes double to orders 0, 1 and 2.",
        ),
        Exercise(
            "Run the scenario with --profile 6.12.  Does a newer kernel help this caller?",
            "buddysim replay SCENARIO --profile 6.12: free=every4 leaves no neighbours in any era.",
        ),
    ),
)
