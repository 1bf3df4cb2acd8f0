"""A page source that counts, and can be told to run dry."""

from __future__ import annotations

import pytest


class FakePages:
    """Hands out aligned pfns until ``limit`` pages are out; remembers what it was asked."""

    def __init__(self, limit: int = 1 << 30, refuse_order: int = 99) -> None:
        self.limit = limit
        self.refuse_order = refuse_order
        self.live: dict[int, int] = {}
        self.asked: list[tuple[int, int]] = []
        self._next_pfn = 1 << 10

    @property
    def pages(self) -> int:
        return sum(1 << order for order in self.live.values())

    def alloc_pages(self, order: int, gfp: int, *, context: int = 0, caller: int = 0) -> int:
        self.asked.append((order, gfp))
        if order >= self.refuse_order or self.pages + (1 << order) > self.limit:
            return -1
        pfn = self._next_pfn
        self._next_pfn += 1 << 10
        self.live[pfn] = order
        return pfn

    def free_pages(self, pfn: int, order: int) -> None:
        assert self.live.pop(pfn) == order


@pytest.fixture(scope="session")
def fake_pages() -> type[FakePages]:
    """The class: call it with a limit of pages."""
    return FakePages
