"""Which callers share nothing with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.replay.scenario import load_scenario
from buddysim.replay.territory import territories

HEAD = "from buddysim.caller import caller\nimport errno\n"
OTHER = "@caller\ndef other(mm):\n    theirs.append(1)\n"


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("mine, theirs = [], []\n@caller\ndef c(mm):\n    mine.append(1)\n", True),
        ("mine = theirs = []\n@caller\ndef c(mm):\n    mine.append(1)\n", False),
        ("theirs = []\nmine = [theirs]\n@caller\ndef c(mm):\n    mine[0].append(1)\n", False),
        ("theirs = []\ndef get():\n    return theirs\n@caller\ndef c(mm):\n    get()\n", False),
        (
            "theirs = []\nclass Ring:\n    def push(self):\n        theirs.append(1)\n"
            "ring = Ring()\n@caller\ndef c(mm):\n    ring.push()\n",
            False,
        ),
        (
            "theirs = []\nclass Ring:\n    def push(self):\n        pass\n"
            "ring = Ring()\n@caller\ndef c(mm):\n    ring.push()\n    return -errno.ENOMEM\n",
            True,
        ),
        ("theirs = []\n@caller\ndef c(mm):\n    globals()['theirs'].append(1)\n", False),
        ("theirs = []\n@caller\ndef c(mm):\n    global theirs\n    theirs = []\n", False),
    ],
)
def test_a_caller_is_private_only_if_nothing_is_shared(
    text: str, private: bool, tmp_path: Path
) -> None:
    path = tmp_path / "scenario.py"
    path.write_text(HEAD + text + OTHER)
    places = territories(load_scenario(str(path)))
    assert places["c"].is_private is private
    assert places["other"].is_private is private
