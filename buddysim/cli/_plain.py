"""Commands that convert only what needs converting.

Typer converts every value of a command line, the ones that nobody gave included, with a library
whose import takes longer than a short replay.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

__all__ = ["PlainCommand", "PlainGroup"]


class PlainCommand(TyperCommand):
    """A Typer command that takes defaults, words and paths as they are."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Options and arguments, ``--help`` among them."""
        return _made_plain(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """The same for the options that stand before the verb."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Options, ``--help`` among them."""
        return _made_plain(super().get_params(ctx))


class _PlainOption(TyperOption):
    def process_value(self, ctx: Any, value: Any) -> Any:
        """The value as the verb takes it.  Raises Typer's usage errors."""
        if not _is_plain(self, ctx, value):
            return super().process_value(ctx, value)
        return _taken(self, ctx, value)


class _PlainArgument(TyperArgument):
    def process_value(self, ctx: Any, value: Any) -> Any:
        """The value as the verb takes it.  Raises Typer's usage errors."""
        if not _is_plain(self, ctx, value):
            return super().process_value(ctx, value)
        return _taken(self, ctx, value)


_PLAIN: dict[type, type] = {TyperOption: _PlainOption, TyperArgument: _PlainArgument}


def _made_plain(params: list[Any]) -> list[Any]:
    # Typer makes these objects itself and takes no class for them.
    for param in params:
        param.__class__ = _PLAIN.get(type(param), type(param))
    return params


def _is_plain(param: Any, ctx: Any, value: Any) -> bool:
    """Is there nothing to convert or to object to?  Older Typers, quick at it, are always asked."""
    descriptor = getattr(param, "type_descriptor", None)
    if descriptor is None:
        return False
    if value is None:
        return not param.required or ctx.resilient_parsing
    if value is param.default or descriptor.annotation in (str, list[str]):
        return True
    if descriptor.annotation not in (Path, list[Path]) or descriptor.parameter_info.exists:
        return False
    paths = [value] if isinstance(value, str) else value
    return all(os.access(path, os.R_OK) or not os.access(path, os.F_OK) for path in paths)


def _taken(param: Any, ctx: Any, value: Any) -> Any:
    kind = param.type_descriptor.annotation
    if value is not None and kind is Path:
        value = Path(value)
    elif value is not None and kind == list[Path]:
        value = [Path(path) for path in value]
    return value if param.callback is None else param.callback(ctx, param, value)
