"""buddysim: a faithful model of the Linux page allocator under memory pressure."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
