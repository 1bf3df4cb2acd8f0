"""The gfp verb as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from buddysim.cli.gfp import gfp, gfp_cli
from buddysim.errors import ConfigError

APP = typer.Typer()
APP.command()(gfp_cli)


def call(*arguments: str) -> str:
    """Standard output of a successful call."""
    result = CliRunner().invoke(APP, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_the_example_of_the_manual() -> None:
    text = call("0x4020", "--profile", "2.6.25")
    assert "GFP_ATOMIC|__GFP_COMP" in text
    assert "37.5 %" in text


def test_json_is_one_document_on_stdout() -> None:
    document = json.loads(call("0x4020", "--format", "json"))
    assert document["schema"] == "buddysim/gfp/1"
    assert document["readings"][0]["names"] == ["GFP_ATOMIC", "__GFP_COMP"]


def test_quiet_leaves_the_legend_out() -> None:
    assert "stops at: the share" in call("0x20")
    assert "stops at: the share" not in call("0x20", "-q")


def test_names_may_be_given_apart() -> None:
    apart = json.loads(call("GFP_KERNEL", "__GFP_ZERO", "--format", "json"))
    joined = json.loads(call("GFP_KERNEL|__GFP_ZERO", "--format", "json"))
    assert apart == joined


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "mask.txt"
    assert call("0xcc0", "--profile", "6.12", "-o", str(target)) == ""
    assert "GFP_KERNEL" in target.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("GFP_KERNL",), "did you mean GFP_KERNEL"),
        (("0x123456789",), "32 bits"),
        (("0xcc0", "--profile", "banana"), "banana"),
        (("0xcc0", "--format", "xml"), "rich or json"),
        (("0xcc0", "-o", "/no/such/folder/file"), "cannot write"),
    ],
)
def test_bad_input_is_a_config_error(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(*arguments)


def test_verb_is_usable_as_a_call() -> None:
    assert gfp("0xd0", "2.6.32").readings[0].names == "GFP_KERNEL"
