"""``replay --html``: a page beside the report, whatever the trace."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("vl_convert", reason="comes with the html extra")

from buddysim.cli.main import main
from buddysim.lesson.play import scenario_path

SIZE_MAX = 2 << 20


@pytest.mark.parametrize("scenario", ["fragmentation.trace", "injection.trace", "atomic.trace"])
def test_a_page_is_written_for_a_script(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["replay", scenario_path(scenario), "--html", str(page), "-q"]) in {0, 1}
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) < SIZE_MAX
    assert text.startswith("<!DOCTYPE html>")
    assert scenario in text
    assert capsys.readouterr().out, "the terminal report is still there"


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    for page in pages:
        main(["replay", scenario_path("fragmentation.trace"), "--html", str(page), "-q"])
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_a_folder_that_is_not_there_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trace = scenario_path("buddies.trace")
    assert main(["replay", trace, "--html", "/nowhere/at/all.html", "-q"]) == 2
    assert "cannot write" in capsys.readouterr().err
