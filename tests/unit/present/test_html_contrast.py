"""Every colour that carries text or a line can be told from its background, in both themes."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = (files("buddysim.present.html") / "page.css").read_text(encoding="utf-8")
TEXT = ("text", "quiet", "accent", "error", "warning", "good")
DRAWN = ("s0", "s1", "s2", "unmovable", "movable", "reclaimable", "highatomic", "cma", "isolate")
LEAST_TEXT = 4.5  # WCAG 2.2, 1.4.3
LEAST_DRAWN = 3.0  # 1.4.11


def theme(opening: str) -> dict[str, str]:
    """Variables of the first block after ``opening``."""
    block = CSS[CSS.index(opening) + len(opening) :]
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", block[: block.index("}")]))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("opening", [":root {", ':root[data-theme="dark"] {'])
def test_both_themes_have_enough_contrast(opening: str) -> None:
    colours = theme(opening)
    for ground in ("page", "panel"):
        for name in TEXT:
            assert contrast(colours[name], colours[ground]) >= LEAST_TEXT, (name, ground)
    for name in DRAWN:
        assert contrast(colours[name], colours["page"]) >= LEAST_DRAWN, name


def test_the_systems_dark_theme_is_the_chosen_one() -> None:
    assert theme(':root:not([data-theme="light"]) {') == theme(':root[data-theme="dark"] {')


def test_the_measure_itself() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
