"""The names of the hot core mean the same interpreted and compiled."""

from __future__ import annotations

import re
from pathlib import Path

from buddysim.mm import bare

TWIN = Path(bare.__file__).with_suffix(".pxd")


def test_constants_have_the_values_of_their_c_twins() -> None:
    in_c = {
        name: int(value)
        for name, value in re.findall(r"^    ([A-Z_]+) = (-?\d+)$", TWIN.read_text(), re.M)
    }
    here = {name: value for name, value in vars(bare).items() if name.isupper()}
    assert here == in_c
    assert here


def test_every_counter_of_a_cpu_has_a_word_of_its_own() -> None:
    places = [
        bare.COUNT,
        bare.HIGH,
        bare.HIGH_MIN,
        bare.HIGH_MAX,
        bare.BATCH,
        bare.FREE_COUNT,
        bare.ALLOC_FACTOR,
        bare.FLAGS,
        bare.FREE_DIFF,
        bare.CMA_DIFF,
    ]
    assert sorted(places) == list(range(len(places)))
    assert len(places) <= bare.CPU_WORDS
