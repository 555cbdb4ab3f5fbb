"""The import contracts bite: each hole that could be made in the house is made in a copy of it, and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.architecture.house import CONFIGURATION, ROOT, broken_in, copy_to, rooms_of

LAYERS = "closedloop's rooms: arrows point down only, and every room has its floor"
LIBRARIES = "the libraries know no document, no study and no day"
RIG_LAYERS = "the rig's rooms: arrows point down only, and every room has its floor"
RIG = "the rig knows the documents and what they rest on, nothing else of closedloop"
NO_RIG = "closedloop never imports the rig: a dry run starts it as a process"
STAGES = "stages never import each other"
CIRCLES = "no circles between the modules of a room, nor between rooms"
TORCH = "torch is at home in attacks, defenses, models, training, simulation and studies"
NO_TORCH = "what looks at files and pages starts without torch, by whatever way it could come"
NO_PAGES = "stages draw no pages: the loop does, when the day is over"
FILES = "h5py and pyarrow are at home in the documents"
FIGURES = "matplotlib is at home in the report and in studies' figures"
TEMPLATES = "jinja2 is at home in the report and on the live page"
PAGE = "who answers requests is at home in the live page"
KERNELS = "numba and llvmlite are at home in detection"
DASK = "dask is at home in one file"
SCREEN = "psychopy and pyglet are at home in the rig's display"
X_SERVER = "python-xlib is at home in the rig's view of the X server"
TRACKERS = "the libraries of eye trackers are at home in the rig's trackers"
PANDAS = "pandas is at home in access"
NEO = "neo is at home in the room of other makers' files"
EYELINK = "eyelinkio is at home in the room of EyeLink's files"

HOLES = [
    ("rig/machine/state.py", "import closedloop.execution.local", RIG),
    ("rig/ports/clock.py", "from closedloop.execution import local", RIG),
    ("rig/machine/timeline.py", "from rig.apparatus import Launch", RIG_LAYERS),
    ("rig/ports/gaze.py", "from rig.session.folder import Session", RIG_LAYERS),
    ("rig/newcomer.py", "", RIG_LAYERS),
    ("rig/machine/state.py", "import torch", TORCH),
    ("closedloop/analysis/estimate.py", "import torch", TORCH),
    ("closedloop/report/numbers.py", "import torch", TORCH),
    ("closedloop/artifacts/manifest.py", "import torch", TORCH),
    ("closedloop/stages/plan.py", "import torch", TORCH),
    ("closedloop/stages/plan.py", "import closedloop.stages.evaluate.rows", STAGES),
    ("closedloop/stages/evaluate/rows.py", "import closedloop.stages.ingest.sites", STAGES),
    ("closedloop/stages/ingest/sites.py", "import closedloop.stages.schedule", STAGES),
    ("closedloop/annex/__init__.py", "", LAYERS),
    ("closedloop/terminal/streams.py", "import closedloop.storage", LAYERS),
    ("closedloop/annex.py", "", LAYERS),
    ("closedloop/plain_text/limits.py", "import closedloop.artifacts.naming", LAYERS),
    ("closedloop/confined/asking.py", "import closedloop.artifacts.layouts", LAYERS),
    ("closedloop/models/readout.py", "import closedloop.training.end_to_end", LAYERS),
    ("closedloop/attacks/audit.py", "import closedloop.artifacts.manifest", LIBRARIES),
    ("closedloop/stages/present.py", "import rig.machine.state", NO_RIG),
    ("closedloop/execution/local.py", "import closedloop.execution.workers", CIRCLES),
    ("closedloop/report/numbers.py", "import closedloop.attacks.balls", NO_TORCH),
    ("closedloop/report/numbers.py", "from closedloop.models.site_model import SiteModel", NO_TORCH),
    ("closedloop/alignment/clock.py", "import closedloop.attacks.balls", NO_TORCH),
    ("rig/machine/state.py", "import closedloop.models.site_model", NO_TORCH),
    ("closedloop/stages/plan.py", "import closedloop.report.pages", NO_PAGES),
    ("closedloop/report/numbers.py", "import pyarrow", FILES),
    ("closedloop/analysis/psth.py", "import matplotlib.pyplot", FIGURES),
    ("closedloop/service/panels/stages.py", "import jinja2", TEMPLATES),
    ("closedloop/report/layout.py", "import starlette.responses", PAGE),
    ("closedloop/study/steps.py", "import closedloop.service.panels", LAYERS),
    ("closedloop/simulation/voltage.py", "import numba", KERNELS),
    ("closedloop/attacks/audit.py", "import distributed", DASK),
    ("rig/machine/state.py", "import psychopy", SCREEN),
    ("rig/display/placement.py", "import Xlib", X_SERVER),
    ("rig/machine/state.py", "import pylsl", TRACKERS),
    ("closedloop/report/numbers.py", "import pandas", PANDAS),
    ("closedloop/devices/neo_device.py", "import neo", NEO),
    ("closedloop/report/numbers.py", "import eyelinkio", EYELINK),
]


def test_the_house_as_it_is_breaks_no_contract() -> None:
    assert broken_in(ROOT)[0] == []


def test_every_contract_has_a_hole_that_it_refuses() -> None:
    assert {contract["name"] for contract in CONFIGURATION["contracts"]} == {contract for _, _, contract in HOLES}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house; each test leaves it as it was."""
    return copy_to(tmp_path_factory.mktemp("house"))


@pytest.fixture
def plant(copied: Path) -> Iterator[Callable[[str, str], None]]:
    """Add a line to a file of the copy, or a file, until the test is over."""
    undo: list[Callable[[], object]] = []

    def add(file: str, line: str) -> None:
        path = copied / file
        if not path.parent.exists():
            path.parent.mkdir()
            undo.append(path.parent.rmdir)
        undo.append(partial(path.write_bytes, path.read_bytes()) if path.exists() else path.unlink)
        with path.open("a") as code:
            code.write(f"\n{line}\n")

    yield add
    for step in reversed(undo):
        step()


@pytest.mark.slow  # half a minute for what changes with the contracts alone: `make lint` asks whether they hold
@pytest.mark.parametrize(("file", "line", "contract"), HOLES, ids=[f"{file}: {line}" for file, line, _ in HOLES])
def test_a_planted_hole_is_refused_by_its_contract_and_named(
    copied: Path, plant: Callable[[str, str], None], file: str, line: str, contract: str
) -> None:
    plant(file, line)
    broken, said = broken_in(copied)
    assert contract in broken
    assert (copied / file).parent.name in said.split("Broken contracts")[1]


@pytest.mark.slow
def test_the_copy_in_which_holes_are_planted_has_none_before(copied: Path) -> None:
    assert broken_in(copied)[0] == []


def test_the_rig_is_forbidden_every_room_but_six() -> None:
    (contract,) = (one for one in CONFIGURATION["contracts"] if one["name"] == RIG)
    allowed = {"artifacts", "confined", "errors", "plain_text", "storage", "terminal"}
    assert set(contract["forbidden_modules"]) == {f"closedloop.{room}" for room in rooms_of("closedloop") - allowed}
