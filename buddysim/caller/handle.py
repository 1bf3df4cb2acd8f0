"""What a Python caller holds: a handle on memory, and a wish to sleep."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Handle", "Keeper", "Sleep"]


class Keeper(Protocol):
    """Who keeps the books of handles."""

    def touched(self, handle: Handle) -> None:
        """The memory behind ``handle`` was read or written."""
        ...


class Handle:
    """Memory that was really allocated; a failed request gives None instead.

    Nothing in buddysim holds on to a handle: one that its owner lost is seen to be lost.
    """

    __slots__ = ("__weakref__", "_keeper", "nr_pages", "order", "serial")

    def __init__(self, keeper: Keeper, serial: int, order: int, nr_pages: int) -> None:
        self._keeper = keeper
        self.serial = serial
        """Number of the request in this run."""
        self.order = order
        self.nr_pages = nr_pages

    def touch(self) -> None:
        """Use the memory."""
        self._keeper.touched(self)

    def __repr__(self) -> str:
        return f"<order-{self.order} handle {self.serial}>"


class Sleep:
    """What a caller yields in order to wait.  ``ns``: nanoseconds of virtual time."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns
