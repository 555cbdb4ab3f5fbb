"""Ctrl-C is answered before anything is imported that Python has not loaded by itself: as installed scripts start."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import closedloop

LOADED = """
import sys
before = set(sys.modules)
from {module} import {function}
print(*sorted(set(sys.modules) - before))
"""

TOLD_TO_END = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {first!r}:  # the first import after the handler
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from {module} import {function}
{function}()
"""


def started_by(script: str) -> tuple[str, str]:
    """Return the module and function that the script of this name calls."""
    pyproject = (Path(closedloop.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    module, _, function = tomllib.loads(pyproject)["project"]["scripts"][script].partition(":")
    return module, function


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("script", ["closedloop", "rig"])
def test_an_installed_script_imports_nothing_before_it_answers_signals(script: str) -> None:
    module, function = started_by(script)
    loaded = python(LOADED.format(module=module, function=function)).stdout.split()
    assert module in loaded
    assert {name.partition(".")[0] for name in loaded} <= {"closedloop", "rig"}
    assert set(loaded) <= {"closedloop", "closedloop.terminal", "closedloop.terminal.at_once", script, module}


@pytest.mark.parametrize("script", ["closedloop", "rig"])
def test_an_interrupt_at_the_first_import_after_that_ends_it_quietly(script: str) -> None:
    module, function = started_by(script)
    done = python(TOLD_TO_END.format(module=module, function=function, first=f"{script}.cli"))
    assert (done.returncode, done.stderr) == (130, "Stopped.\n")


def test_what_the_package_offers_is_what_its_stub_lists() -> None:
    stub = ast.parse(Path(closedloop.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    names = {one.name for node in stub.body if isinstance(node, ast.ImportFrom) for one in node.names}
    assert names == set(closedloop.__all__) == set(dir(closedloop))
    assert closedloop.open_study.__name__ == "open_study"
    with pytest.raises(AttributeError):
        _ = closedloop.nothing_of_this_name  # type: ignore[attr-defined]
