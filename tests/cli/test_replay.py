"""``buddysim replay`` at the command line: exit codes, streams, bad input in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from buddysim.cli.main import main

TRACES = Path(__file__).resolve().parents[2] / "traces"
ROGUES = str(TRACES / "rogues.trace")
CITIZENS = str(TRACES / "citizens.trace")
JUMBO = str(TRACES / "jumbo-frames.trace")
KEYS = {
    "schema", "buddysim", "build", "profile", "seed", "trace", "events_per_second", "allocations",
    "warnings", "zones", "vmstat", "callers", "findings",
}  # fmt: skip


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    main([*words, "--format", "json"])
    printed = capsys.readouterr()
    loaded: dict[str, object] = json.loads(printed.out)
    return loaded


def test_findings_exit_1_and_none_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", ROGUES]) == 1
    assert main(["replay", CITIZENS]) == 0
    assert main(["replay", CITIZENS, "--fail-on", "note"]) == 0
    assert main(["replay", JUMBO.replace(".trace", "-mtu1500.trace"), "--fail-on", "note"]) == 1
    assert capsys.readouterr().err == ""


def test_json_is_one_document_with_the_contract_s_keys(capsys: pytest.CaptureFixture[str]) -> None:
    report = document(capsys, "replay", ROGUES)
    assert report["schema"] == "buddysim/replay/1"
    assert set(report) >= KEYS
    assert {"path", "format", "events", "skipped_lines", "reconciled"} <= set(report["trace"])


def test_the_same_seed_gives_the_same_run_and_probability_0_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def digest(*words: str) -> object:
        return document(capsys, "replay", str(TRACES / "atomic-vs-kernel.trace"), *words)["digest"]

    fault = "fail_page_alloc:probability=5,min-order=0,ignore-gfp-wait=N"
    first = digest("--fault", fault, "--seed", "7")
    assert digest("--fault", fault, "--seed", "7") == first
    assert digest("--fault", fault, "--seed", "8") != first
    assert digest("--fault", fault.replace("=5", "=0")) == digest()


def bad_inputs(folder: Path) -> list[list[str]]:
    """Everything that must be refused in one line with exit status 2."""
    contents = {
        "binary": bytes(range(256)) * 20,
        "empty.txt": b"",
        "operation.trace": b"0.1 a frobnicate b0\n",
        "order.trace": b"0.1 a alloc b0 order=11\n",
        "negative.trace": b"-1 a alloc b0\n",
        "backwards.trace": b"0.2 a alloc b0\n0.1 a free b0\n",
        "handle.trace": b"0.1 a free b9\n",
        "mask.trace": b"0.1 a alloc b0 gfp=GFP_ATOMC\n",
        "directive.trace": b"@machien mem=16M\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files = [["replay", str(folder / name)] for name in contents]
    return [
        *files,
        ["replay", str(folder)],
        ["replay", str(folder / "absent.txt")],
        ["replay", ROGUES, "--fault", "fail_page_allok:probability=1"],
        ["replay", ROGUES, "--fault", "fail_page_alloc:probability=200"],
        ["replay", ROGUES, "--sysctl", "min_free=1"],
        ["replay", ROGUES, "--mem", "lots"],
        ["replay", ROGUES, "--mem", "1K"],
        ["replay", ROGUES, "--placement", "best"],
        ["replay", ROGUES, "--placement", "recorded"],
        ["replay", ROGUES, "--warn", "loudly"],
        ["replay", ROGUES, "--format", "yaml"],
        ["replay", ROGUES, "--profile", "seven"],
        ["replay", ROGUES, "--bogus"],
        ["replay", ROGUES, "-o", str(folder / "no" / "such" / "folder.txt")],
        ["replay"],
        ["reply", ROGUES],
    ]


def test_bad_input_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in bad_inputs(tmp_path):
        assert main(words) == 2, words
        printed = capsys.readouterr()
        assert printed.out == "", words
        assert printed.err.count("\n") == 1, (words, printed.err)
        assert printed.err.startswith("buddysim: "), words
        assert "Traceback" not in printed.err


def test_output_files_appear_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, page, picture = (tmp_path / name for name in ("r.txt", "r.html", "r.svg"))
    main(["replay", JUMBO, "-o", str(text), "--html", str(page), "--svg", str(picture)])
    assert capsys.readouterr().out == ""
    assert text.read_text(encoding="utf-8").startswith("Every failure was handled")
    assert "</html>" in page.read_text(encoding="utf-8")
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.svg", "r.txt"]


def test_piped_output_has_no_colour_and_a_closed_pipe_is_quiet() -> None:
    command = [sys.executable, "-m", "buddysim", "replay", ROGUES]
    plain = subprocess.run(command, capture_output=True, check=False)
    assert plain.returncode == 1
    assert b"\x1b[" not in plain.stdout
    shell = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m buddysim rules | head -1"],
        capture_output=True,
        check=False,
        env=os.environ,
    )
    assert shell.stderr == b""


def test_every_verb_shows_two_examples(capsys: pytest.CaptureFixture[str]) -> None:
    from buddysim.cli.main import VERBS

    for verb in VERBS:
        assert main([verb.name, "--help"]) == 0
        assert capsys.readouterr().out.count(f"buddysim {verb.name}") >= 2, verb.name
