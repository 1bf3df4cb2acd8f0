"""The right part of a trace line: ``key=value`` text to columns (fact sheet 13.2 to 13.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from buddysim.errors import ConfigError
from buddysim.kernel.constants import PAGEBLOCK_ORDER
from buddysim.kernel.gfp import ERAS, decode_mask, parse_names
from buddysim.kernel.migratetype import MIGRATE_TYPES, from_printed
from buddysim.source.event import EventKind

__all__ = ["Columns", "FieldReader", "extfrag_aux"]

_LARGEST_ORDER = 10
_MIGRATETYPE_KEYS = ("migratetype", "alloc_migratetype")
_AUX_KEYS = ("bytes_alloc", "percpu_refill", "nr_reclaimed", "nr_migrated", "nid", "pid")
_AUX_NAMES = (
    "fallback_order",
    "fallback_migratetype",
    "pageblock_order",
    "change_ownership",
    *_AUX_KEYS,
)
_NEEDS = {
    int(EventKind.KSWAPD_WAKE): "order",
    int(EventKind.KSWAPD_SLEEP): "nid",
    int(EventKind.WAKEUP_KSWAPD): "order",
    int(EventKind.RECLAIM_BEGIN): "order",
    int(EventKind.RECLAIM_END): "nr_reclaimed",
    int(EventKind.COMPACTION_MIGRATE): "nr_migrated",
    int(EventKind.MARK_VICTIM): "pid",
}


class Columns(NamedTuple):
    """What the text behind the pfn says."""

    order: int = 0
    migratetype: int = -1
    """Canonical numbering; -1 when not said."""
    gfp: int = 0
    """Canonical mask."""
    aux: int = 0
    """See EventKind."""


def extfrag_aux(fallback_order: int, fallback_type: int, fragmenting: int, ownership: int) -> int:
    """The packed aux column of an mm_page_alloc_extfrag row (canonical ``fallback_type``)."""
    return (
        (fallback_order & 0xFF)
        | (fallback_type & 0xFF) << 8
        | bool(fragmenting) << 16
        | bool(ownership) << 17
    )


class FieldReader:
    """Reads fields as the kernels of one era print them."""

    def __init__(self, era: str) -> None:
        self.era = era

    def tail(self, text: str) -> Columns | None:
        """Fields of a page or slab event; None when one of them is damaged."""
        fields = _split(text)
        if fields is None:
            return None
        try:
            return self._columns(fields)
        except (ValueError, ConfigError):
            return None

    def rare(self, kind: int, text: str) -> Columns | None:
        """Fields of a reclaim, compaction or OOM event; None when one of them is damaged."""
        fields = dict(word.rstrip(",").split("=", 1) for word in text.split() if "=" in word)
        if _NEEDS.get(kind, "") not in {"", *fields}:
            return None
        try:
            return self._columns(fields)
        except (ValueError, ConfigError):
            return None

    def _columns(self, fields: dict[str, str]) -> Columns:
        order = int(fields.get("order", fields.get("alloc_order", "0")))
        if not -1 <= order <= _LARGEST_ORDER:
            raise ValueError(order)
        migratetype = -1
        for key in _MIGRATETYPE_KEYS:
            if key in fields:
                migratetype = self.migratetype(int(fields[key]))
        gfp = fields.get("gfp_flags", fields.get("gfp_mask"))
        return Columns(order, migratetype, self.gfp(gfp) if gfp else 0, self.aux(_numbers(fields)))

    def migratetype(self, number: int) -> int:
        """Canonical type of a printed number.  Raises ConfigError or ValueError."""
        migratetype = from_printed(number, self.era)
        if not 0 <= migratetype < MIGRATE_TYPES:
            raise ValueError(number)
        return migratetype

    def aux(self, fields: Mapping[str, int]) -> int:
        """The aux column of an event's fields.  Raises ValueError for impossible ones."""
        if "fallback_order" in fields:
            order = fields["fallback_order"]
            # By the kernel's definition: the raw record has no such field, and trace-cmd gets the
            # expression wrong (``fragmenting=10``).
            fragmenting = order < fields.get("pageblock_order", PAGEBLOCK_ORDER)
            if "fallback_migratetype" not in fields:
                raise ValueError("fallback_order without fallback_migratetype")
            fallback = self.migratetype(fields["fallback_migratetype"])
            return extfrag_aux(order, fallback, fragmenting, fields.get("change_ownership", 0))
        aux = next((fields[key] for key in _AUX_KEYS if key in fields), 0)
        if not -(1 << 63) <= aux < 1 << 63:
            raise ValueError(aux)
        return aux

    def gfp(self, text: str) -> int:
        """Printed mask to canonical; names that this era lacks are tried in the others.

        Raises ConfigError for names of no era, ValueError for a damaged number.
        """
        if text[:1].isdigit():
            return decode_mask(int(text, 0), self.era)
        if text == "none":
            return 0
        try:
            return parse_names(text, self.era)
        except ConfigError:
            for era in reversed(ERAS):
                try:
                    return parse_names(text, era)
                except ConfigError:
                    continue
            raise


def _numbers(fields: dict[str, str]) -> dict[str, int]:
    """The fields that :meth:`FieldReader.aux` reads.  Raises ValueError for a damaged one."""
    return {key: int(fields[key], 0) for key in _AUX_NAMES if key in fields}


def _split(text: str) -> dict[str, str] | None:
    """``a=1 b=2`` as a dict; None when a word is not of that form."""
    fields = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals or not key:
            return None
        fields[key] = value
    return fields
