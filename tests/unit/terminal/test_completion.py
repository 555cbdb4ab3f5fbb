"""The shell completes commands, options and the names of protocols, without a library that takes long to import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.forked import command

HEAVY = {"torch", "numpy", "pyarrow", "h5py", "matplotlib"}


def completed(line: str, *, shell: str = "bash", program: str = "closedloop") -> list[str]:
    """Return what a shell offers for the last word of a line."""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_TYPER_COMPLETE_ARGS": line}
    ended = command(program=program, **{f"_{program.upper()}_COMPLETE": f"complete_{shell}"}, **asked)
    assert ended.err == ""
    return ended.out.split()


def test_commands_options_and_protocols_are_completed() -> None:
    assert completed("closedloop sta") == ["status"]
    assert "--workers" in completed("closedloop run --w")
    assert completed("closedloop dry-run --protocol g") == ["guo2022"]
    assert completed("closedloop recording al") == ["align"]
    assert completed("rig pres", program="rig") == ["present"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered_too(shell: str) -> None:
    asked: dict[str, str] = {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_ARGS": "closedloop sta"}
    ended = command(_CLOSEDLOOP_COMPLETE=f"complete_{shell}", **asked)
    assert "status" in ended.out
    assert ended.err == ""


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ | environment
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_s_script_is_shown(shell: str) -> None:
    code = (
        f"import closedloop.cli, sys; sys.argv = ['closedloop', '--show-completion', {shell!r}]\nclosedloop.cli.main()"
    )
    script = run(code, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert f"_CLOSEDLOOP_COMPLETE=complete_{shell}" in script


def test_completion_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from closedloop.__main__ import main; sys.argv = ['closedloop']\n"
        f"try: main()\nfinally: Path({str(tmp_path / 'found')!r}).write_text(' '.join({HEAVY!r} & set(sys.modules)))"
    )
    words = {"COMP_WORDS": "closedloop dry-run --protocol g", "COMP_CWORD": "3"}
    assert run(code, _CLOSEDLOOP_COMPLETE="complete_bash", **words).split() == ["guo2022"]
    assert (tmp_path / "found").read_text() == ""
