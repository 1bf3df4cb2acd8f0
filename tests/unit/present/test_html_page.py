"""The HTML report: one file with everything in it, and alive in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vl_convert", reason="comes with the html extra")

from buddysim.present.html import series
from buddysim.present.html.page import build_page
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.film import Film, Frame, ZoneFrame

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
NEEDS_BROWSER = pytest.mark.skipif(not CHROMIUM, reason="no chromium in PATH")
SIZE_MAX = 2 << 20


def zone(free: int, blocks: int, cells: int = 40) -> ZoneFrame:
    used = bytes((free + at) % 36 for at in range(cells))
    types = bytes(at % 6 for at in range(cells))
    return ZoneFrame("Normal", 0, free, 100, 125, 150, (blocks,) * 11, (), types, used)


def film(frames: int = 30, cells: int = 40) -> Film:
    played = Film()
    played.frames = [
        Frame(at * 10, at * 1_000_000, (zone(4000 - at, at % 7, cells),)) for at in range(frames)
    ]
    return played


def failures(count: int) -> list[FailureRow]:
    return [
        FailureRow(at, 0, at * 1000, "e1000_rx", "t-1", 2, 0, 0, "fragmented", "natural", "printed")
        for at in range(count)
    ]


def caller(name: str, requests: int, verdict: str = "handles") -> dict[str, Any]:
    return {
        "caller": name,
        "verdict": verdict,
        "attempted": requests,
        "failed": 1,
        "injected": 0,
        "warned": 1,
        "findings": ["BS101"],
    }


def document() -> dict[str, Any]:
    zone_end = {"name": "Normal", "unusable_index": [0.5] * 11, "extfrag_index": [-1.0] * 11}
    finding = {
        "code": "BS101",
        "name": "null-dereference",
        "severity": "error",
        "caller": "tcp<script>",
        "origin": "natural",
        "message": "uses <b>what</b> it did not get",
        "evidence": [{"event": 3, "line": 0, "time_ns": 1, "what": "order 2 failed"}],
        "repro": "buddysim replay x.trace --fault nth:3",
    }
    return {
        "buddysim": "0.1.0",
        "build": "interpreted",
        "profile": "6.12",
        "seed": 0,
        "trace": {"path": "x<y>.trace", "events": 300},
        "allocations": {
            "attempted": 200,
            "failed_natural": 9,
            "failed_injected": 0,
            "failed_observed": 0,
            "failed_by_cause": {"fragmented": 9, "exhausted": 0},
        },
        "warnings": {"emitted": 2, "suppressed_by_ratelimit": 7},
        "zones": [zone_end],
        "callers": [caller("b", 9), caller("a", 1000, "mishandles"), caller("c", 30)],
        "findings": [finding],
        "failures": [failed()],
        "samples": [{"event": at * 10, "time_ns": at * 1_000_000} for at in range(4)],
        "occupancy": [{"caller": "a<b", "peak_pages": 9, "pages": [0, 4, 9, 2]}],
    }


def failed() -> dict[str, Any]:
    holding = {"caller": "(before the trace)", "pages": 8192, "blocks": 0}
    return {
        "caller": "rx<i>",
        "order": 2,
        "cause": "fragmented",
        "event": 3,
        "holders": [holding],
        "in_the_way": [{**holding, "pages": 64, "blocks": 32}],
    }


@pytest.fixture(scope="module")
def page() -> str:
    return build_page(document(), film(), failures(9))


def test_who_held_the_pages_is_told(page: str) -> None:
    told = page[page.index('<h2 id="holders"') :]
    assert "<td>rx&lt;i&gt;</td>" in told
    assert "(before the trace) 8,192" in told
    assert "(before the trace) 64 in 32 places" in told
    assert "Pages held over the run by the callers that held the most: a&lt;b" in told
    assert "<svg" in told


def test_a_run_without_holders_or_failures_says_so() -> None:
    told = build_page({**document(), "occupancy": [], "failures": []}, film(), [])
    assert "No caller held a page when the run was looked at." in told


class Tags(HTMLParser):
    """Every start tag with its attributes, and the tags left open at the end."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_tag_is_closed_and_every_link_leads_somewhere(page: str) -> None:
    tags = Tags(page)
    assert tags.open == []
    ids = {attrs["id"] for _, attrs in tags.seen if "id" in attrs}
    links = [attrs["href"] for tag, attrs in tags.seen if tag == "a"]
    assert links
    assert all(link and link[1:] in ids for link in links)


def test_nothing_is_fetched_from_anywhere(page: str) -> None:
    sources = [
        value
        for tag, attrs in Tags(page).seen
        for name, value in attrs.items()
        if (name == "src" or (name == "href" and tag == "link")) and value != "data:,"
    ]
    assert sources == []
    assert "url(" not in page
    assert "@import" not in page


def test_text_from_the_trace_cannot_become_markup(page: str) -> None:
    assert "tcp<script>" not in page
    assert "tcp&lt;script&gt;" in page
    assert "<b>what</b>" not in page


def test_every_drawing_and_control_has_words(page: str) -> None:
    tags = Tags(page).seen
    drawings = [attrs for tag, attrs in tags if tag == "svg"]
    assert len(drawings) == 4
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in drawings)
    labelled = {attrs["for"] for tag, attrs in tags if tag == "label"}
    assert {attrs["id"] for tag, attrs in tags if tag == "input"} <= labelled
    assert next(attrs for tag, attrs in tags if tag == "html")["lang"] == "en"


def test_every_drawing_spans_its_axis(page: str) -> None:
    """Nothing is left out of place: lines and areas run from the first frame to the last."""
    drawings = re.findall(r"<svg .*?</svg>", page, re.DOTALL)
    lines = re.findall(r'aria-roledescription="line mark[^>]*? d="M0,([^"]*)"', drawings[0])
    assert len(lines) == 4
    assert all("L860," in line for line in lines)
    areas = re.findall(r'aria-roledescription="area mark[^>]*? d="M0,([^"]*)"', drawings[1])
    assert len(areas) == 11
    assert all("L860," in area for area in areas)
    cells = drawings[2].count('aria-roledescription="rect mark"')
    assert cells == 29 * 10


def test_building_twice_gives_the_same_bytes(page: str) -> None:
    assert build_page(document(), film(), failures(9)) == page


def test_the_page_stays_small_whatever_the_run() -> None:
    big = build_page(document(), film(120, cells=1024), failures(10_000))
    assert len(big.encode()) < SIZE_MAX


def test_failures_are_thinned_and_the_page_says_so() -> None:
    points = series.failure_points(failures(10_000), series.axis_of(film()), 0)
    assert len(points) <= series.FAILURE_POINTS_MAX
    assert "Failures: 10,000; 400 of them" in build_page(document(), film(), failures(10_000))


def test_the_map_data_holds_every_frame(page: str) -> None:
    found = re.search(r'id="map-data">(.*?)</script>', page)
    assert found
    frames = json.loads(found[1])
    assert len(frames) == 30
    assert {len(frame["types"]) for frame in frames} == {40}


def test_the_index_counts_only_blocks_that_fit() -> None:
    played = Film()
    start = ZoneFrame("Normal", 0, 6, 0, 0, 0, (2, 2, *[0] * 9))
    played.frames = [Frame(0, 0, (start,)), Frame(1, 10, (start,))]
    rows = {
        row["order"]: row["unusable"] for row in series.fragmentation_rows(series.axis_of(played))
    }
    assert rows["1"] == pytest.approx(2 / 6, abs=1e-3)
    assert rows["2"] == 1


def test_events_that_share_a_moment_are_drawn_by_number() -> None:
    played = film()
    assert series.axis_of(played).title == "time in s"
    played.frames = [replace(frame, time_ns=frame.time_ns // 10**7) for frame in played.frames]
    axis = series.axis_of(played)
    assert (axis.title, len(axis.frames)) == ("event", 30)
    assert len({row["at"] for row in series.order_rows(axis)}) == 30


def test_a_moment_is_drawn_once() -> None:
    played = film()
    played.frames.insert(1, replace(played.frames[0], event=1))
    rows = series.order_rows(series.axis_of(played))
    assert len(rows) == 30 * 11


PROBE = """
<script>
const told = {};
const cell = () => document.querySelector("#map-cells span").title;
const slider = document.getElementById("map-slider");
told.before = cell();
slider.value = "3";
slider.dispatchEvent(new Event("input"));
told.after = cell();
told.when = document.getElementById("map-when").textContent;
const table = document.querySelector("table.sortable");
const order = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent).join("");
const buttons = table.tHead.querySelectorAll("button");
buttons[2].click(); told.most = order();
buttons[2].click(); told.least = order();
buttons[0].click(); buttons[0].click(); told.names = order();
told.sorted = table.tHead.rows[0].cells[0].getAttribute("aria-sort");
document.getElementById("theme").click();
told.theme = document.documentElement.dataset.theme;
told.wide = document.documentElement.scrollWidth <= innerWidth;
const result = document.createElement("output");
result.id = "told";
result.textContent = JSON.stringify(told);
document.body.append(result);
</script>
</body>"""


@NEEDS_BROWSER
def test_in_a_browser_the_slider_moves_and_tables_sort(page: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page.replace("</body>", PROBE), encoding="utf-8")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000", "--dump-dom",
        file.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "CONSOLE" not in done.stderr
    found = re.search(r'<output id="told">(.*?)</output>', done.stdout)
    assert found, "the page's script did not run to its end"
    told = json.loads(found[1])
    assert told["before"] != told["after"]
    assert told["when"].startswith("event 30 at 3ms")
    assert (told["most"], told["least"], told["names"]) == ("acb", "bca", "abc")
    assert told["sorted"] == "ascending"
    assert told["theme"] in {"light", "dark"}
    assert told["wide"], "nothing sticks out to the right"
