"""Kernel release numbers: which row of a "since version" table applies to a kernel.

Every table of this package names the release that a row holds from.  A release between two rows
takes the older one, so 5.15 reads the row that holds since 5.0 even if that row is labelled 6.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from buddysim.errors import ConfigError

__all__ = ["parse_release", "row_of_release"]

_RELEASE = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+_.].*)?")
_T = TypeVar("_T")

_OLDEST = (2, 6, 0)


@lru_cache(maxsize=256)
def parse_release(text: str) -> tuple[int, int, int]:
    """``6.12``, ``v4.19.7``, ``5.15.0-91-generic`` to three numbers.

    Raises ConfigError for anything else and for kernels before 2.6.
    """
    match = _RELEASE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"kernel release {text!r}", expected="a version", hint="6.12, 4.19 or 2.6.32"
        )
    release = (int(match[1]), int(match[2]), int(match[3] or 0))
    if release < _OLDEST:
        raise ConfigError(f"kernel release {text!r}", expected="2.6 or newer")
    return release


def row_of_release(release: str, rows: Sequence[tuple[tuple[int, ...], _T]]) -> _T:
    """The last row of ``rows`` (pairs of first release and value, ascending) that holds.

    A release before the first row takes the first.  Raises ConfigError for a bad release.
    """
    wanted = parse_release(release)
    chosen = rows[0][1]
    for since, row in rows:
        if wanted < since:
            break
        chosen = row
    return chosen
