"""Who asked: the first function of a report's stack that is not the allocator's (13.8)."""

from __future__ import annotations

from buddysim.kernel.allocator_function import caller_of, is_allocator_function, symbol_of_frame
from buddysim.source.kernel_log_model import FailureReport

__all__ = ["caller_of_report"]

_LOOK_AHEAD = 2


def caller_of_report(report: FailureReport) -> str | None:
    """None when no frame outside the allocator was printed.

    Where the unwinder was sure of no frame, stale words of the stack stand between real ones: a
    function with the allocator right above it did not ask.
    """
    if any(not frame.startswith("?") for frame in report.frames):
        return caller_of(report.frames)
    symbols = [symbol_of_frame(frame) for frame in report.frames]
    for position, symbol in enumerate(symbols):
        following = symbols[position + 1 : position + 1 + _LOOK_AHEAD]
        if not is_allocator_function(symbol) and not any(map(is_allocator_function, following)):
            return symbol
    return caller_of(report.frames)
