"""Errors to exit codes, in one place: 0 done, 1 findings, 2 bad input, 4 our bug, 130 Ctrl-C."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from buddysim.errors import InputError, ValidationError

__all__ = ["BAD_INPUT", "FINDINGS", "INTERRUPTED", "OK", "OUR_BUG", "run_guarded"]

OK = 0
FINDINGS = 1
BAD_INPUT = 2
OUR_BUG = 4
INTERRUPTED = 130


def run_guarded(action: Callable[[], object]) -> int:
    """Run a command line; its exit code.  Expected troubles become one line on stderr."""
    try:
        result = action()
        sys.stdout.flush()
    except InputError as error:
        return _say(error.one_line(), BAD_INPUT)
    except ValidationError as error:
        return _say(f"internal invariant broken: {error}", OUR_BUG)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has left; keep the interpreter's exit from complaining too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _say(f"{name}{error.strerror or error}", BAD_INPUT)
    return result if isinstance(result, int) else OK


def _say(text: str, code: int) -> int:
    print(f"buddysim: {text}", file=sys.stderr)
    return code
