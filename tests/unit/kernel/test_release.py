"""Release numbers and which table row they take."""

from __future__ import annotations

import pytest

from buddysim.errors import ConfigError
from buddysim.kernel.profile import PROFILES, profile_of
from buddysim.kernel.release import parse_release, row_of_release


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("6.12", (6, 12, 0)),
        ("v4.19.7", (4, 19, 7)),
        ("5.15.0-91-generic", (5, 15, 0)),
        ("2.6.32-754.el6.x86_64", (2, 6, 32)),
        ("6.18.44+", (6, 18, 44)),
        (" 3.10 ", (3, 10, 0)),
    ],
)
def test_parse_release(text: str, release: tuple[int, int, int]) -> None:
    assert parse_release(text) == release


@pytest.mark.parametrize("text", ["", "banana", "6", "6.", "2.4.20", "1.0", "-6.1"])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_release(text)


def test_row_of_release_takes_the_newest_that_holds() -> None:
    rows = (((2, 6), "old"), ((4, 4), "middle"), ((6, 0), "new"))
    assert [row_of_release(release, rows) for release in ("2.6.18", "4.3.9", "4.4", "9.1")] == [
        "old",
        "old",
        "middle",
        "new",
    ]


@pytest.mark.parametrize(
    ("release", "row"),
    [
        ("2.6.18", "2.6.25"),
        ("2.6.31", "2.6.32"),
        ("3.10.0-514.el7", "3.13"),
        ("4.3", "3.13"),
        ("4.5", "4.4"),
        ("4.15", "4.14"),
        ("4.20", "4.19"),
        ("5.4", "6.1"),
        ("5.15", "6.1"),
        ("6.2", "6.1"),
        ("6.8", "6.12"),
        ("6.16", "6.18"),
        ("7.1", "6.18"),
    ],
)
def test_profile_of_a_release_between_rows(release: str, row: str) -> None:
    assert profile_of(release) is PROFILES[row]


def test_profile_of_its_own_name() -> None:
    assert all(profile_of(name).name == name for name in PROFILES)


def test_unknown_profile_lists_the_known() -> None:
    with pytest.raises(ConfigError, match=r"banana.*2\.6\.25.*6\.18"):
        profile_of("banana")


def test_rows_are_in_order_and_say_what_they_rest_on() -> None:
    rows = list(PROFILES.values())
    assert [row.since for row in rows] == sorted(row.since for row in rows)
    assert all(len(row.provenance) > 10 for row in rows)
    assert all("{n}" in row.suppressed_text for row in rows)
