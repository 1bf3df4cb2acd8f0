"""A part of a file where the kernel keeps it: mapped, not copied."""

from __future__ import annotations

import mmap
from typing import BinaryIO

from buddysim.source.bytescan import Block

__all__ = ["file_window"]

_POPULATE = getattr(mmap, "MAP_POPULATE", None)
"""All pages at once: to meet each for the first time costs as much as to copy it."""


def file_window(file: BinaryIO, at: int, size: int) -> tuple[Block, int]:
    """``size`` bytes (> 0) from offset ``at``, and how many others stand before them.

    Read instead, with nothing before them and maybe fewer, where the file is too short or cannot
    be mapped.  Raises OSError.
    """
    others = at % mmap.ALLOCATIONGRANULARITY
    if _POPULATE is not None:
        try:
            window = mmap.mmap(
                file.fileno(),
                others + size,
                flags=mmap.MAP_SHARED | _POPULATE,
                prot=mmap.PROT_READ,
                offset=at - others,
            )
        except (OSError, ValueError):
            pass
        else:
            return window, others
    file.seek(at)
    return file.read(size), 0
