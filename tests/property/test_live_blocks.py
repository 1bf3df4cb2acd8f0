"""The table of live blocks against a dict, undo log and absurd keys included."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from buddysim.replay.live_blocks import NO_BLOCK, LiveBlocks

_PAGES = 64
_KEYS = st.one_of(
    st.integers(0, 40), st.integers(500, 530), st.integers(0, 1 << 20), st.integers(0, 1 << 62)
)


class LiveBlocksMachine(RuleBasedStateMachine):
    """Every operation on the table and on plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.table = LiveBlocks(_PAGES)
        self.entries: dict[int, int] = {}
        self.owners: dict[int, int] = {}
        self.saved: tuple[int, dict[int, int], dict[int, int]] | None = None

    @rule(key=_KEYS, entry=st.integers(0, 1 << 62), page=st.integers(0, _PAGES - 1))
    def begin(self, key: int, entry: int, page: int) -> None:
        self.table.begin(self.table.slot_of(key), key, entry, page)
        self.entries[key] = entry
        self.owners[page] = key

    @precondition(lambda self: self.entries)
    @rule(data=st.data(), page=st.integers(0, _PAGES - 1))
    def end(self, data: st.DataObject, page: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.entries)))
        self.table.end(self.table.slot_of(key), page)
        del self.entries[key]
        self.owners.pop(page, None)

    @rule()
    def save(self) -> None:
        self.table.journaling = True
        self.saved = (self.table.journal_used, dict(self.entries), dict(self.owners))

    @precondition(lambda self: self.saved is not None)
    @rule()
    def undo(self) -> None:
        assert self.saved is not None
        mark, entries, owners = self.saved
        self.table.roll_back(mark)
        self.entries, self.owners = dict(entries), dict(owners)

    @invariant()
    def same(self) -> None:
        assert dict(self.table.items()) == self.entries
        assert sorted(self.table.values()) == sorted(self.entries.values())
        assert len(self.table) == len(self.entries)
        for page in range(_PAGES):
            slot = self.table.owner(page)
            assert (self.table.key_at(slot) if slot >= 0 else None) == self.owners.get(page)


TestLiveBlocks = LiveBlocksMachine.TestCase
TestLiveBlocks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(_KEYS)
def test_a_key_never_written_is_not_there(key: int) -> None:
    table = LiveBlocks(_PAGES)
    assert key not in table
    assert (table.find(key), table.get(key, 7)) == (NO_BLOCK, 7)
    with pytest.raises(KeyError):
        table[key]


def test_a_negative_key_is_refused() -> None:
    with pytest.raises(ValueError, match="key -5"):
        LiveBlocks(_PAGES).put(-5, 1)


def test_scattered_keys_cost_a_chunk_each_and_no_more() -> None:
    table = LiveBlocks(_PAGES)
    for number in range(200):
        table.put(number << 40, number)
    assert len(table.entries) <= 512 * (200 * 3 // 2 + 8)
    assert len(table.root) <= 1
