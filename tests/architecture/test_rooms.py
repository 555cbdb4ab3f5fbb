"""Who may know whom: the table of the rooms is the architecture; what comes from outside has a home in it too.

The contracts of pyproject.toml say which way the arrows point. Here stands every arrow there is, so that a new one is
a line that somebody writes and somebody reads.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.architecture.house import CODE, ROOT, imports_of, rooms_of

GROUND = {"errors", "storage"}
KNOWS: dict[str, set[str]] = {  # room of closedloop -> rooms that it may import
    "errors": set(),
    "terminal": {"errors"},
    "storage": {"errors"},
    "confined": {"errors"},
    "plain_text": GROUND,
    "artifacts": {*GROUND, "confined", "plain_text"},
    "execution": {*GROUND, "plain_text", "terminal"},
    "stimuli": GROUND,
    "analysis": set(),
    "recording": set(),
    "detection": {"errors", "execution", "plain_text", "recording"},
    "blackrock": {*GROUND, "recording"},
    "neo_files": {*GROUND, "confined", "recording"},
    "eyelink": {*GROUND, "confined"},
    "alignment": {"errors", "eyelink", "recording"},
    "devices": {"blackrock", "detection", "errors", "execution", "neo_files", "recording", "storage"},
    "models": {*GROUND, "confined", "plain_text", "stimuli"},
    "attacks": {*GROUND, "confined", "execution", "models"},
    "access": {"alignment", "analysis", "artifacts", "errors", "eyelink", "models", "plain_text", "recording"},
    "training": {*GROUND, "attacks", "execution", "models", "stimuli", "terminal"},
    "defenses": {"attacks", "errors", "execution", "models", "stimuli", "storage", "training"},
    "gates": {"alignment", "analysis", "artifacts", "models", "recording", "stimuli"},
    "simulation": {*GROUND, "artifacts", "attacks", "blackrock", "execution", "plain_text", "recording", "stimuli"},
    "report": {*GROUND, "alignment", "analysis", "artifacts", "eyelink", "plain_text", "recording"},
    "exchange": {
        *GROUND,
        *("access", "artifacts", "devices", "execution", "plain_text", "recording", "stimuli"),
    },
    "studies": {
        *GROUND,
        *(
            "access",
            "analysis",
            "artifacts",
            "attacks",
            "defenses",
            "exchange",
            "execution",
            "gates",
            "models",
            "plain_text",
            "report",
        ),
        *("simulation", "stages", "stimuli", "terminal", "training"),
    },
    "stages": {
        *("alignment", "analysis", "artifacts", "attacks", "blackrock", "confined", "detection", "devices"),
        *("errors", "execution", "models", "neo_files", "plain_text", "recording", "simulation", "stimuli"),
        *("storage", "training"),
    },
    "planning": {"analysis", "artifacts", "errors", "gates", "report", "stages"},
    "study": {
        *GROUND,
        *(
            "artifacts",
            "blackrock",
            "confined",
            "devices",
            "execution",
            "eyelink",
            "gates",
            "models",
            "neo_files",
            "plain_text",
        ),
        "recording",
        *("report", "simulation", "stages", "stimuli"),
    },
    "service": {*GROUND, "artifacts", "blackrock", "confined", "devices", "plain_text", "report", "stimuli", "study"},
    "commands": {
        *GROUND,
        *(
            "access",
            "alignment",
            "artifacts",
            "attacks",
            "blackrock",
            "confined",
            "detection",
            "devices",
            "execution",
            "models",
            "neo_files",
            "plain_text",
            "planning",
        ),
        *(
            "analysis",
            "exchange",
            "recording",
            "report",
            "service",
            "simulation",
            "stages",
            "stimuli",
            "studies",
            "study",
        ),
        *("terminal", "training"),
    },
    "cli": {"commands", "errors", "plain_text", "studies", "study", "terminal"},
    "__main__": {"cli", "terminal"},
}

LIBRARIES = (
    *("access", "alignment", "analysis", "artifacts", "attacks", "blackrock", "confined", "defenses", "detection"),
    *("devices", "exchange", "eyelink", "gates", "models"),
    *("neo_files", "recording", "report", "simulation", "stimuli", "studies", "training"),
)
HOMES: dict[str, tuple[str, ...]] = {  # what comes from outside -> who imports it; what is not here is refused
    "Xlib": ("rig.display.x11",),
    "PIL": ("closedloop.commands.attack", "closedloop.report", "closedloop.stimuli", "rig.training"),
    "cma": ("closedloop.stimuli.evolution.search",),
    "dask": ("closedloop.execution.dask",),
    "dask_jobqueue": ("closedloop.execution.dask",),
    "distributed": ("closedloop.execution.dask",),
    "eyelinkio": ("closedloop.eyelink",),
    "fastapi": ("closedloop.service.web",),
    "fsspec": ("closedloop.execution.stored.store",),
    "h5py": ("closedloop.artifacts",),
    "hdmf": ("closedloop.exchange.nwb",),
    "hdmf_zarr": ("closedloop.exchange.nwb",),
    "jinja2": ("closedloop.report", "closedloop.service.web"),
    "labjack": ("rig.ports.digital_line",),
    "lazy_loader": ("closedloop",),
    "llvmlite": ("closedloop.detection",),
    "matplotlib": ("closedloop.report", "closedloop.studies"),
    "neo": ("closedloop.blackrock.neo_objects", "closedloop.neo_files"),
    "nidaqmx": ("rig.ports.digital_line",),
    "numba": ("closedloop.detection",),
    "numcodecs": ("closedloop.exchange.nwb",),
    "numpy": (
        *(f"closedloop.{room}" for room in (*LIBRARIES, "commands", "planning", "stages")),
        *("closedloop.service.over_days", "closedloop.service.panels.tomorrow"),
        "closedloop.service.reading.recording",
        *(
            "closedloop.storage.arrays",
            "rig.calibration",
            "rig.discrimination",
            "rig.display",
            "rig.operator.views",
            "rig.pages",
        ),
        *("rig.rehearsal", "rig.session", "rig.training"),
    ),
    "nwbinspector": ("closedloop.exchange.nwb",),
    "pandas": ("closedloop.access",),
    "psutil": ("closedloop.study.process.tree",),
    "psychopy": ("rig.display.psychopy",),
    "pyarrow": ("closedloop.artifacts",),
    "pycbsdk": ("rig.ports.recorders",),
    "pydantic": ("closedloop.artifacts", "closedloop.studies"),
    "pyglet": ("rig.display.psychopy",),
    "pynwb": ("closedloop.exchange.nwb",),
    "pylink": ("rig.ports.trackers.pylink_dial",),
    "pylsl": ("rig.ports.trackers.lsl_streams",),
    "quantities": ("closedloop.blackrock.neo_objects",),
    "rich": ("closedloop.commands", "closedloop.execution.progress", "rig.progress_bar"),
    "safetensors": ("closedloop.models", "closedloop.simulation"),
    "serial": ("rig.ports",),
    "starlette": ("closedloop.service.web",),
    "timm": ("closedloop.models.exchange.load", "closedloop.models.networks.zoo"),
    "torch": (
        *(f"closedloop.{room}" for room in ("attacks", "defenses", "models", "simulation", "studies", "training")),
        "closedloop.commands.doctor",
    ),
    "torchvision": ("closedloop.models.exchange.load", "closedloop.models.networks.zoo"),
    "typer": (
        "closedloop.cli",
        "closedloop.commands",
        "closedloop.studies",
        "closedloop.terminal",
        "rig.cli",
        "rig.commands",
    ),
    "uvicorn": ("closedloop.service.web",),
    "watchfiles": ("closedloop.study.waiting.alarms",),
    "xarray": ("closedloop.exchange",),
    "yaml": tuple(f"closedloop.plain_text.{module}" for module in ("yaml_edit", "yaml_text", "yaml_values")),
    # of the standard library: other processes, the network, the system's own interface, bytes that run
    "asyncio": ("closedloop.execution.dask", "closedloop.service.web"),
    "ctypes": (
        "closedloop.eyelink.reading",
        "closedloop.service.children.guard",  # a call of the kernel
        "closedloop.stimuli.decoding",
        "closedloop.detection.loops.compiled",
        "rig.display.psychopy",
        "rig.ports.system_clock",
        "rig.ports.trackers",
    ),
    "pickle": (
        "closedloop.execution.stored.packing",  # a piece of work for a worker, whose hash comes through the scheduler
        "closedloop.models.torch_files",
    ),
    "socket": (  # between two processes of ours; whether a scheduler is there; the name of this machine
        "closedloop.confined",
        "closedloop.execution.dask",
        "closedloop.service.web.serving",  # the page, on this machine alone
        "closedloop.study.ledger",
        "rig.operator",
        "rig.ports.trackers.lsl_streams",  # asks the outlets of this computer
    ),
    "sqlite3": ("closedloop.artifacts.foreign.mworks", "closedloop.study.database", "closedloop.study.ledger"),
    "subprocess": (
        *("closedloop.confined.asking", "closedloop.service.children.process", "closedloop.service.notices.command"),
        *("closedloop.stages.present", "closedloop.study.chaos.programs", "closedloop.study.rehearsal.present"),
        "closedloop.studies.made_study",
        "rig.operator.panel",
    ),
    **dict.fromkeys(("dbm", "ftplib", "http", "marshal", "multiprocessing", "poplib", "runpy", "shelve"), ()),
    **dict.fromkeys(("smtplib", "socketserver", "ssl", "urllib", "webbrowser", "xmlrpc"), ()),
}

BY_NAME = {  # who imports modules by a name that stands in no import line
    "closedloop/artifacts/schemas.py",
    "closedloop/confined/helper.py",
    "closedloop/models/exchange/load.py",  # networks that are code, where there is no closedloop
    "closedloop/models/networks/factories.py",  # networks that are code
    "closedloop/models/networks/zoo.py",  # a module of torchvision's that a build without its operators lacks
    "closedloop/studies/app.py",
    "closedloop/study/table.py",
}
RESOURCES = ("importlib.metadata", "importlib.resources", "importlib.util.find_spec")  # these import nothing of ours
LOADERS = {"__import__", "import_module", "exec_module", "load_module", "spec_from_file_location", "attach", "load"}
RUNNERS = {"exec", "eval", "compile", "__import__"}  # called by their bare names; a network has an eval too


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def is_within(module: str, homes: tuple[str, ...]) -> bool:
    return any(module == home or module.startswith(f"{home}.") for home in homes)


def unknown_rooms(path: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a file of closedloop imports from rooms that its own need not know; the rig has a test of its own."""
    package, *rest = module_of(path).split(".")
    if package != "closedloop" or not rest:
        return
    for name in imports_of(tree):
        root, _, inner = name.partition(".")
        room = inner.split(".")[0]
        if root == package and room not in {rest[0], "__version__", *KNOWS.get(rest[0], ())}:
            yield name


def homeless(path: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a file imports from outside that has its home elsewhere, or none."""
    for name in imports_of(tree):
        top = name.partition(".")[0]
        if top in {"closedloop", "rig"} or (top in sys.stdlib_module_names and top not in HOMES):
            continue
        if not is_within(module_of(path), HOMES.get(top, ())):
            yield name


def taken_through_a_room(_path: str, tree: ast.Module) -> Iterator[str]:
    """Yield names that are taken from a module of ours that has them from outside itself."""
    modules = {name: name for name in guests()}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                if alias.name in guests().get(node.module or "", ()):
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            modules |= {alias.asname: alias.name for alias in node.names if alias.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            module = modules.get(ast.unparse(node.value), "")
            if node.attr in guests().get(module, ()):
                yield f"{module}.{node.attr}"


def guests_of(tree: ast.Module) -> set[str]:
    """Return the names in a module that an import from outside bound."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        not in {"closedloop", "rig"}
    }


def imported_by_name(path: str, tree: ast.Module) -> Iterator[str]:
    """Yield ways around the import lines: what these import, no contract sees."""
    if path in BY_NAME:
        return
    for name in imports_of(tree):
        if name.partition(".")[0] == "importlib" and not is_within(name, RESOURCES):
            yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in LOADERS and ast.unparse(node.value) in LAZY:
            yield ast.unparse(node)
        if isinstance(node, ast.Name) and node.id in RUNNERS:
            yield node.id
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.modules":
            yield "sys.modules"


def relative(_path: str, tree: ast.Module) -> Iterator[str]:
    """Yield imports that are not written out."""
    return (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level)


SHARED_BY_STUDIES = (*("files", "made_study", "networks", "places", "preferred_categories", "simulated_subject"),)


def other_studies(path: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a study imports from another; what studies share imports none."""
    package, *rest = path.removesuffix(".py").split("/")[1:]
    if package != "studies" or not rest:
        return
    for name in imports_of(tree):
        inside = name.removeprefix("closedloop.studies.").split(".")[0]
        if name.startswith("closedloop.studies.") and inside not in {rest[0], *SHARED_BY_STUDIES}:
            yield name


def early_torch(path: str, tree: ast.Module) -> Iterator[str]:
    """Yield imports of the models outside functions where a study is opened, and gates are told, without torch."""
    if not path.startswith(("closedloop/access/", "closedloop/gates/")):
        return
    at_the_top = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    unchecked = [node for node in at_the_top if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node))]
    yield from (name for name in imports_of(ast.Module(unchecked, [])) if is_within(name, ("closedloop.models",)))


LAZY = {"importlib", "importlib.util", "lazy_loader"}


@cache
def guests() -> dict[str, set[str]]:
    return {module_of(path): guests_of(tree) for path, tree in CODE.items()}


Check = Callable[[str, ast.Module], Iterator[str]]
CHECKS: list[Check] = [
    *(unknown_rooms, homeless, taken_through_a_room, imported_by_name, relative, other_studies, early_torch),
]

HOLES: list[tuple[Check, str, str]] = [
    (unknown_rooms, "closedloop/report/numbers.py", "import closedloop.attacks.balls"),
    (unknown_rooms, "closedloop/stages/queue.py", "from closedloop.report import pages"),
    (unknown_rooms, "closedloop/stages/queue.py", "from closedloop import report"),
    (unknown_rooms, "closedloop/blackrock/info.py", "import closedloop.analysis.psth"),
    (unknown_rooms, "closedloop/alignment/clock.py", "from closedloop.blackrock import read_nev"),
    (unknown_rooms, "closedloop/attacks/audit.py", "def f():\n    import closedloop.recording.codes"),
    (homeless, "closedloop/analysis/psth.py", "import neo"),
    (homeless, "closedloop/devices/neo_device.py", "import neo.rawio"),
    (homeless, "closedloop/artifacts/manifest.py", "import typer"),
    (homeless, "closedloop/stages/plan.py", "from PIL import Image"),
    (homeless, "rig/machine/state.py", "import serial"),
    (homeless, "rig/machine/state.py", "import numpy as np"),
    (homeless, "closedloop/stages/plan.py", "import yaml"),
    (homeless, "closedloop/attacks/audit.py", "import pydantic"),
    (homeless, "closedloop/study/loop.py", "import sqlite3"),
    (homeless, "closedloop/models/imports.py", "import urllib.request"),
    (homeless, "closedloop/models/imports.py", "import requests"),
    (homeless, "closedloop/stages/refit.py", "import subprocess"),
    (homeless, "closedloop/stages/refit.py", "import multiprocessing"),
    (taken_through_a_room, "closedloop/report/numbers.py", "from closedloop.attacks.balls import torch"),
    (taken_through_a_room, "closedloop/report/numbers.py", "from closedloop.access.frames import pd"),
    (taken_through_a_room, "closedloop/report/numbers.py", "import closedloop.attacks.balls as b\nb.torch.ones(3)"),
    (taken_through_a_room, "closedloop/report/numbers.py", "from closedloop.attacks import balls\nballs.torch.ones(3)"),
    (taken_through_a_room, "closedloop/report/numbers.py", "import closedloop.attacks\nclosedloop.attacks.balls.torch"),
    (imported_by_name, "rig/machine/state.py", "import importlib"),
    (imported_by_name, "rig/machine/state.py", "from importlib import import_module"),
    (imported_by_name, "closedloop/stages/plan.py", "__import__('torch')"),
    (imported_by_name, "closedloop/stages/plan.py", "exec('import torch')"),
    (imported_by_name, "closedloop/stages/plan.py", "lazy_loader.load('torch')"),
    (imported_by_name, "closedloop/stages/plan.py", "sys.modules['torch']"),
    (relative, "closedloop/stages/plan.py", "from .evaluate import rows"),
    (other_studies, "closedloop/studies/second/run.py", "import closedloop.studies.unit_sensitivity.run"),
    (other_studies, "closedloop/studies/networks.py", "from closedloop.studies import unit_sensitivity"),
    (early_torch, "closedloop/access/study.py", "from closedloop.models.checkpoints import load_site_model"),
    (early_torch, "closedloop/access/study.py", "try:\n    import closedloop.models\nexcept ImportError:\n    pass"),
    (early_torch, "closedloop/gates/review/refit.py", "from closedloop.models.checkpoints import load_site_model"),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_rooms_know_what_the_tables_say_and_nothing_else(check: Check) -> None:
    found = {path: names for path, tree in CODE.items() if (names := list(check(path, tree)))}
    assert not found


@pytest.mark.parametrize(("check", "path", "line"), HOLES)
def test_a_planted_hole_is_refused(check: Check, path: str, line: str) -> None:
    assert list(check(path, ast.parse(line)))


def test_every_check_has_a_hole_that_it_refuses() -> None:
    assert {check.__name__ for check in CHECKS} == {check.__name__ for check, _, _ in HOLES}


def test_the_table_names_the_rooms_there_are_and_no_arrow_too_many() -> None:
    assert KNOWS.keys() == rooms_of("closedloop")
    used: dict[str, set[str]] = {room: set() for room in KNOWS}
    for path, tree in CODE.items():
        package, *rest = module_of(path).split(".")
        if package == "closedloop" and rest:
            inside = (name.split(".")[1] for name in imports_of(tree) if name.startswith("closedloop."))
            used[rest[0]] |= {room for room in inside if room != rest[0]} - {"__version__"}
    assert used == KNOWS


def test_a_home_is_lived_in() -> None:
    users = {top: set[str]() for top in HOMES}
    for path, tree in CODE.items():
        for name in imports_of(tree):
            users.get(name.partition(".")[0], set()).add(module_of(path))
    empty = {
        (top, home)
        for top, homes in HOMES.items()
        for home in homes
        if not any(is_within(user, (home,)) for user in users[top])
    }
    assert not empty


def test_every_folder_of_code_is_a_package() -> None:
    """Of one that is none the contracts see nothing."""
    folders = {(ROOT / path).parent for path in CODE}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]
