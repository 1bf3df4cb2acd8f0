"""Where a verb's document goes: stdout, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from buddysim.errors import ConfigError

__all__ = ["check_format", "emit", "write_whole"]

FORMATS = ("rich", "json")


def check_format(name: str | None, formats: tuple[str, ...] = FORMATS) -> str:
    """The format to use; ``rich`` by default.  Raises ConfigError."""
    if name is not None and name not in formats:
        raise ConfigError(f"--format {name}", expected=" or ".join(formats))
    return name or "rich"


def emit(text: str, output: Path | None) -> None:
    """Write a finished document to stdout or, atomically, to a file."""
    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, text)


def write_whole(target: Path, text: str) -> None:
    """Write under a temporary name, then rename.  Raises ConfigError.

    A device or a pipe is written into: a rename would put a file in its place.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
            return
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(
            f"cannot write {target}: {error.strerror}", hint="does its folder exist?"
        ) from None
