"""Answers of the gfp verb as data."""

from __future__ import annotations

import json

import pytest

from buddysim.errors import ConfigError
from buddysim.kernel.profile import PROFILES
from buddysim.report.gfp import answer_gfp, gfp_document


def test_number_for_one_kernel() -> None:
    answer = answer_gfp("0x4020", "2.6.25")
    assert answer.is_number
    (reading,) = gfp_document(answer)["readings"]
    assert reading["names"] == ["GFP_ATOMIC", "__GFP_COMP"]
    assert (reading["mask"], reading["canonical_mask"]) == ("0x4020", "0x40820")
    assert (reading["may_sleep"], reading["wakes_kswapd"]) == (False, True)
    assert (reading["min_mark_percent"], reading["zone"]) == (37.5, "Normal")
    assert reading["likely"] is True


def test_number_for_every_kernel() -> None:
    document = gfp_document(answer_gfp("0x40dc0"))
    assert [reading["profile"] for reading in document["readings"]] == list(PROFILES)
    likely = {reading["profile"] for reading in document["readings"] if reading["likely"]}
    assert likely == {"6.1", "6.12", "6.18"}


def test_names_are_encoded() -> None:
    document = gfp_document(answer_gfp("GFP_ATOMIC|__GFP_NOWARN"))
    masks = {reading["profile"]: reading["mask"] for reading in document["readings"]}
    assert masks["2.6.25"] == "0x220"
    assert masks["4.9"] == "0x2080220"
    assert masks["6.1"] == "0x2a20"
    assert masks["6.18"] == "0x2820"


def test_release_takes_its_row() -> None:
    assert answer_gfp("GFP_KERNEL", "5.15").readings[0].profile == "6.1"


def test_document_is_json_with_its_schema() -> None:
    document = json.loads(json.dumps(gfp_document(answer_gfp("GFP_DMA|GFP_DMA32", "6.12"))))
    assert document["schema"] == "buddysim/gfp/1"
    assert document["input_kind"] == "names"
    (reading,) = document["readings"]
    assert reading["zone"] == "invalid"
    assert len(reading["contradictions"]) == 1


@pytest.mark.parametrize(
    ("text", "profile", "found"),
    [
        ("GFP_KERNL", None, "GFP_KERNEL"),
        ("4020", None, "0x4020"),
        ("GFP_KERNEL", "9.banana", "9.banana"),
    ],
)
def test_bad_input(text: str, profile: str | None, found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        answer_gfp(text, profile)
