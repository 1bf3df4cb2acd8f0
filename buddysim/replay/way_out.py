"""On which line a caller returned, once something failed in it.

An exception carries its line; a return value does not.  Watching returns costs time, so it begins
with the first failure of a call and only lasts while that call runs.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from buddysim.replay.activation import Activation

__all__ = ["unwatch", "watch"]


def watch(act: Activation) -> None:
    """From now on note where the call returns, unless somebody else is profiling."""
    code = getattr(act.spec.body, "__code__", None)

    def returned(frame: FrameType, event: str, _value: Any) -> None:
        if event == "return" and frame.f_code is code:
            act.return_line = frame.f_lineno

    if sys.getprofile() is None:
        sys.setprofile(returned)
        act.is_watched = True


def unwatch(act: Activation) -> None:
    """The call ended, or waits."""
    if act.is_watched:
        sys.setprofile(None)
        act.is_watched = False
