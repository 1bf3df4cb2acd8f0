"""Real and damaged trace text, one file a case: its first lines say what a reader must find.

``#: key=value`` lines hold the expectation as attributes of :class:`Inspection` (JSON values), or
``error=...`` for a file that must be refused.  Adding a case is adding a file.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from buddysim.errors import InputError
from buddysim.report.inspect import inspect_trace
from buddysim.source.open import open_trace

CASES = sorted((Path(__file__).parent / "traces").glob("*.txt"))


def split(path: Path) -> tuple[dict[str, str], bytes]:
    expected, text = {}, []
    for line in path.read_bytes().splitlines(keepends=True):
        if line.startswith(b"#: "):
            key, _, value = line[3:].decode().strip().partition("=")
            expected[key] = value
        else:
            text.append(line)
    return expected, b"".join(text)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_case(case: Path, tmp_path: Path) -> None:
    expected, text = split(case)
    assert expected, "a case without expectation proves nothing"
    path = tmp_path / case.name
    path.write_bytes(text)
    if "error" in expected:
        with pytest.raises(InputError, match=expected["error"]):
            inspect_trace(open_trace(str(path)))
        return
    found = asdict(inspect_trace(open_trace(str(path))))
    for key, value in expected.items():
        assert found[key] == json.loads(value), key
