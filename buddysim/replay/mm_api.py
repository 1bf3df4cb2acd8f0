"""``mm``: what a Python caller can do with the simulated machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from buddysim.caller.handle import Handle, Sleep
from buddysim.errors import ConfigError
from buddysim.kernel.gfp import parse_names
from buddysim.mm.request import Request
from buddysim.replay.python_stage import PythonStage
from buddysim.replay.run import Site
from buddysim.replay.slab_cache import KMALLOC_CACHE_MAX, SlabPages, kmalloc_size
from buddysim.units import parse_duration

__all__ = ["KmemCache", "Mm"]

_PAGE_SIZE = 4096
Blocks = tuple[list[tuple[int, int]], Callable[[], None] | None]


class Mm:
    """The machine as callers see it.  Requests give a handle, or None when they fail.

    ``gfp`` is a mask in words (``GFP_ATOMIC|__GFP_NOWARN``) of the machine's kernel, or a canonical
    int.  Raises ConfigError for a mask or size that makes no sense.
    """

    def __init__(self, stage: PythonStage) -> None:
        self._stage = stage
        self._era = stage.run.machine.profile.name
        self._masks: dict[str, int] = {}
        self._kmalloc: dict[int, SlabPages] = {}

    # Pages.

    def alloc_pages(self, order: int = 0, gfp: str | int = "GFP_KERNEL") -> Handle | None:
        """2^order pages, order 0..10."""
        return self._stage.request(order, self._mask(gfp), "the block", self._take_pages)

    def alloc_page(self, gfp: str | int = "GFP_KERNEL") -> Handle | None:
        """One page."""
        return self._stage.request(0, self._mask(gfp), "the page", self._take_pages)

    def free_pages(self, handle: Handle | None, order: int = -1) -> None:
        """Free; ``order``, when given, must be the one allocated."""
        self._stage.free(handle, order)

    free_page = free_pages

    # Slab and vmalloc.

    def kmalloc(self, size: int, gfp: str | int = "GFP_KERNEL") -> Handle | None:
        """``size`` bytes, 1..4 MiB; above 8 KiB whole pages (fact sheet 15.2)."""
        if size < 1:
            raise ConfigError(f"kmalloc({size})", expected="at least 1 byte")
        mask = self._mask(gfp)
        if size > KMALLOC_CACHE_MAX:
            order = (-(-size // _PAGE_SIZE) - 1).bit_length()
            return self._stage.request(order, mask, "the buffer", self._take_pages, size)
        rounded = kmalloc_size(size)
        slabs = self._kmalloc.setdefault(rounded, SlabPages(self._stage, rounded))
        return self._stage.request(slabs.orders.min_order, mask, "the object", slabs.take, size)

    kzalloc = kmalloc

    def kfree(self, handle: Handle | None) -> None:
        """Free what kmalloc, kvmalloc or a cache gave."""
        self._stage.free(handle)

    def kmem_cache(self, name: str, size: int) -> KmemCache:
        """A cache of objects of ``size`` bytes."""
        return KmemCache(self, self._stage, name, size)

    def vmalloc(self, size: int, gfp: str | int = "GFP_KERNEL") -> Handle | None:
        """``size`` bytes in single pages wherever they are; all or none."""
        pages = max(-(-size // _PAGE_SIZE), 1)

        def take(site: Site) -> Blocks | None:
            return self._scattered(site, pages)

        return self._stage.request(0, self._mask(gfp), "the area", take)

    def kvmalloc(self, size: int, gfp: str | int = "GFP_KERNEL") -> Handle | None:
        """Contiguous if that is easy, else scattered (fact sheet 15.2)."""
        if size <= _PAGE_SIZE:
            return self.kmalloc(size, gfp)
        order = (-(-size // _PAGE_SIZE) - 1).bit_length()
        quiet = self._mask("__GFP_NOWARN|__GFP_NORETRY")

        def take(site: Site) -> Blocks | None:
            attempt = Site(site.seen, site.caller, order, site.gfp | quiet, site.context)
            return self._take_pages(attempt) or self._scattered(site, -(-size // _PAGE_SIZE))

        return self._stage.request(0, self._mask(gfp), "the buffer", take, size)

    vfree = kvfree = kfree

    # Everything else.

    def sleep(self, duration: str) -> Sleep:
        """``yield mm.sleep("40us")`` waits that long in virtual time."""
        return Sleep(int(parse_duration(duration)))

    def count(self, name: str, nr: int = 1) -> None:
        """Count an event, such as a drop."""
        self._stage.count(name, nr)

    def invariant(self, condition: bool | Callable[[], bool], text: str = "invariant") -> None:
        """``condition`` must hold here."""
        holds = condition() if callable(condition) else condition
        self._stage.expect(bool(holds), text)

    expect = invariant

    @contextmanager
    def noio(self) -> Iterator[None]:
        """A section in which requests must not start IO."""
        yield from self._section("noio")

    @contextmanager
    def nofs(self) -> Iterator[None]:
        """A section in which requests must not call into filesystems."""
        yield from self._section("nofs")

    def _section(self, word: str) -> Iterator[None]:
        self._stage.begin_section(word)
        try:
            yield
        finally:
            self._stage.end_section()

    @property
    def now_ns(self) -> int:
        """Virtual time, in nanoseconds."""
        self._stage.looked_around = True
        return self._stage.run.machine.clock_ns

    @property
    def free_pages_left(self) -> int:
        """Free pages of all zones."""
        self._stage.looked_around = True
        return sum(zone.free for zone in self._stage.run.machine.zones)

    def _mask(self, gfp: str | int) -> int:
        if isinstance(gfp, int):
            return gfp
        if gfp not in self._masks:
            self._masks[gfp] = parse_names(gfp, self._era)
        return self._masks[gfp]

    def _take_pages(self, site: Site) -> Blocks | None:
        run = self._stage.run
        request = Request(site.order, site.gfp, site.cpu, 0, site.context, site.caller)
        pfn = run.machine.alloc_pages(site.order, site.gfp, request=request)
        run.attribute_extfrag(site.caller, site.seen)
        return None if pfn < 0 else ([(pfn, site.order)], None)

    def _scattered(self, site: Site, pages: int) -> Blocks | None:
        machine = self._stage.run.machine
        pfns: list[int] = []
        for _ in range(pages):
            pfn = machine.alloc_pages(0, site.gfp, context=site.context, caller=site.caller)
            if pfn < 0:
                for taken in pfns:
                    machine.free_pages(taken, 0)
                return None
            pfns.append(pfn)
        return [(pfn, 0) for pfn in pfns], None


class KmemCache:
    """A cache of equal objects."""

    def __init__(self, mm: Mm, stage: PythonStage, name: str, size: int) -> None:
        self.name = name
        self._mm = mm
        self._stage = stage
        self._slabs = SlabPages(stage, -(-size // 8) * 8)

    def alloc(self, gfp: str | int = "GFP_KERNEL") -> Handle | None:
        """One object."""
        order = self._slabs.orders.min_order
        mask = self._mm._mask(gfp)
        return self._stage.request(order, mask, self.name, self._slabs.take, self._slabs.size)

    def free(self, handle: Handle | None) -> None:
        """Give an object back."""
        self._stage.free(handle)
