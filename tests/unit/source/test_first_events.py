"""What the first event of every page was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from buddysim.source.event import EventBatch, EventKind
from buddysim.source.first_events import FirstEvents

ALLOC, FREE, OTHER = int(EventKind.ALLOC), int(EventKind.FREE), int(EventKind.FREE_BATCHED)
Row = tuple[int, int, int, int]


def batch_of(rows: list[Row]) -> EventBatch:
    batch = EventBatch()
    for kind, pfn, order, cpu in rows:
        batch.append(kind, time_ns=0, pfn=pfn, order=order, cpu=cpu)
    return batch


def first_of(*batches: list[Row]) -> FirstEvents:
    first = FirstEvents()
    for rows in batches:
        first.take(batch_of(rows))
    return first


def test_only_the_first_event_of_a_page_counts_whatever_batch_it_is_in() -> None:
    first = first_of([(FREE, 9, 3, 0), (ALLOC, 5, 0, 7)], [(ALLOC, 9, 0, 1), (FREE, 5, 0, 2)])
    assert first.freed() == [(9, 3)]
    assert (first.highest_pfn, first.highest_cpu) == (9, 7)


def test_damaged_numbers_and_other_kinds_are_left_out_but_their_cpu_counts() -> None:
    last = (64 << 30) // 4096 - 1
    damaged = [(FREE, last + 1, 0, 0), (FREE, -1, 0, 0), (FREE, 4, 11, 0), (FREE, 4, -1, 0)]
    first = first_of([*damaged, (OTHER, 4, 0, 300), (FREE, last, 10, 0), (FREE, 0, 0, 0)])
    assert first.freed() == [(0, 0), (last, 10)]
    assert (first.highest_pfn, first.highest_cpu) == (last, 300)


def test_nothing_seen_is_no_page() -> None:
    first = first_of([], [(OTHER, 4, 0, 0)])
    assert (first.highest_pfn, first.freed()) == (-1, [])


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from([ALLOC, FREE, OTHER]),
                st.integers(0, 20) | st.integers(-2, 1 << 19),
                st.integers(-1, 12),
                st.integers(0, 500),
            ),
            max_size=30,
        ),
        max_size=4,
    )
)
def test_as_a_plain_dict_tells_it(batches: list[list[Row]]) -> None:
    seen: dict[int, tuple[int, int]] = {}
    for kind, pfn, order, _cpu in (row for rows in batches for row in rows):
        if kind in (ALLOC, FREE) and pfn >= 0 and 0 <= order <= 10:
            seen.setdefault(pfn, (kind, order))
    first = first_of(*batches)
    assert first.highest_pfn == max(seen, default=-1)
    assert first.freed() == [(pfn, seen[pfn][1]) for pfn in sorted(seen) if seen[pfn][0] == FREE]
    assert first.highest_cpu == max((row[3] for rows in batches for row in rows), default=0)
