"""The nearest valid word to a misspelt one, for error messages."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean X?`` with the closest of ``known``; empty when there is nothing to compare."""
    import difflib

    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.0)
    return f"did you mean {close[0]}?" if close and word else ""
