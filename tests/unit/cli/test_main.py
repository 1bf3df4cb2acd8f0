"""The front door: what it leaves behind in a process that is not its own."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from buddysim.cli.main import main


def test_a_call_from_a_program_leaves_garbage_collection_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    assert main(["--version"]) == 0
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
    assert capsys.readouterr().out.startswith("buddysim ")


def test_a_process_of_its_own_searches_for_cycles_less_often() -> None:
    code = (
        "import gc, sys\n"
        "from buddysim.cli.main import main\n"
        "usual = gc.get_threshold()[0]\n"
        "sys.argv[1:] = ['rules', 'BS101', '--quiet']\n"
        "status = main()\n"
        "print(status, gc.isenabled(), gc.get_threshold()[0] > usual, gc.get_freeze_count() > 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 True True True"
