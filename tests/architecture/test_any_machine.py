"""Tests hold on any machine, at any load: no port, no sleep in place of a sign, no clock, no wait without end."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.architecture.house import ROOT

CLOCKS = {
    f"time.{clock}{unit}" for clock in ("monotonic", "perf_counter", "process_time", "time") for unit in ("", "_ns")
}
UNTIL = {"deadline", "end"}  # when waiting for a sign is given up
PORT = re.compile(r"(?:127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1?\]):([1-9]\d*)\b")
OF_DASK = 8787  # whose default port a test takes, or finds taken
Found = Iterator[str]


def walk_with_parents(
    tree: ast.AST, parents: tuple[ast.AST, ...] = ()
) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    yield tree, parents
    for child in ast.iter_child_nodes(tree):
        yield from walk_with_parents(child, (*parents, tree))


def called(node: ast.AST) -> str:
    """Return what is called, as it is written; nothing where nothing is."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def sleeps(tree: ast.AST) -> Found:
    """Yield sleeps that are no pause between two looks for a sign."""
    for node, parents in walk_with_parents(tree):
        if called(node) in {"time.sleep", "sleep"} and not any(isinstance(parent, ast.While) for parent in parents):
            yield f"line {node.lineno}: sleep"


def clocks(tree: ast.AST) -> Found:
    """Yield looks at the clock that do not bound a wait."""
    for node, parents in walk_with_parents(tree):
        if called(node) not in CLOCKS:
            continue
        bounds = any(
            isinstance(parent, ast.While | ast.Lambda)
            or (isinstance(parent, ast.Assign) and ast.unparse(parent.targets[0]) in UNTIL)
            for parent in parents
        )
        if not bounds:
            yield f"line {node.lineno}: {called(node)}"


def ports(tree: ast.AST) -> Found:
    """Yield ports that are written down."""
    for node in ast.walk(tree):
        if called(node).endswith(".bind") and node.args and isinstance(node.args[0], ast.Tuple):
            port = node.args[0].elts[-1]
            if isinstance(port, ast.Constant) and port.value not in {0, OF_DASK}:
                yield f"line {node.lineno}: {port.value}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (f"line {node.lineno}: {port}" for port in PORT.findall(node.value))


def endless(tree: ast.AST) -> Found:
    """Yield processes in a `with` that waits for them where its block fails: a server never ends by itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(called(item.context_expr).endswith("Popen") for item in node.items):
            yield f"line {node.lineno}: with Popen; expected tests.equipment.processes.Child"
        if isinstance(node, ast.Return) and node.value is not None and called(node.value).endswith("Popen"):
            yield f"line {node.lineno}: a Popen for somebody's `with`; expected tests.equipment.processes.Child"


CHECKS: list[Callable[[ast.AST], Found]] = [sleeps, clocks, ports, endless]
FAULTS = [
    (sleeps, "import time\ntime.sleep(1)"),
    (sleeps, "for _ in range(3):\n    sleep(0.1)"),
    (clocks, "begun = time.monotonic()\nrun()\nassert time.monotonic() - begun < 1"),
    (clocks, "assert time.perf_counter() < end"),
    (ports, "socket.socket().bind(('127.0.0.1', 5000))"),
    (ports, "address = 'tcp://127.0.0.1:8786'"),
    (endless, "with subprocess.Popen(['Xvfb']) as server:\n    assert server.stdout.readline()"),
    (endless, "def begin():\n    return subprocess.Popen(['Xvfb'])"),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_no_test_depends_on_time_or_on_a_port_or_waits_without_end(check: Callable[[ast.AST], Found]) -> None:
    files = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path.name != "test_any_machine.py"]
    trees = {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in files if mentions(path.read_text())
    }
    assert not {name: found for name, tree in trees.items() if (found := list(check(tree)))}


def mentions(text: str) -> bool:
    """Tell whether a file could have any of these: most have none, and are not parsed."""
    return any(word in text for word in ("sleep", "time.", "bind(", "127.0.0.1", "0.0.0.0", "localhost", "Popen("))


@pytest.mark.parametrize(("check", "code"), FAULTS, ids=[code for _, code in FAULTS])
def test_what_depends_on_time_or_on_a_port_is_seen(check: Callable[[ast.AST], Found], code: str) -> None:
    assert list(check(ast.parse(code)))


def test_a_wait_for_a_sign_is_left_alone() -> None:
    wait = ast.parse(
        "end = time.monotonic() + 60\n"
        "while not sign():\n"
        "    if time.monotonic() > end:\n"
        "        raise TimeoutError\n"
        "    time.sleep(0.01)"
    )
    assert [found for check in CHECKS for found in check(wait)] == []
