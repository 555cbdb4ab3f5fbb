"""A study to which what a seed draws goes wrong, beside the same one undisturbed, and what came of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.chaos import Chaos, ChaosEvent
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import StudyError
from closedloop.report.chaos.page import chaos_page
from closedloop.storage import make_folder, write_bytes
from closedloop.study.chaos.comparing import compare_folders, compare_numbers
from closedloop.study.chaos.events import draw_events
from closedloop.study.chaos.laboratory import DONE, Laboratory
from closedloop.study.chaos.programs import Interference, run_program_of
from closedloop.study.create import Request, create_study
from closedloop.study.loop import read_identity
from closedloop.study.process.lock import study_lock
from closedloop.study.verification.study import verify_study

CHAOS, CHAOS_PAGE = "chaos.json", "chaos.html"
UNDISTURBED, DISTURBED = "undisturbed", "disturbed"


@dataclass(frozen=True)
class ChaosRequest:
    """What is asked for.

    Attributes
    ----------
    root
        The folder to hold both studies.
    seed
        Of what goes wrong.
    study
        What each of them is to be; its folder is another.
    command
        How it was asked for: the page says it.
    """

    root: Path
    seed: int
    study: Request
    command: str = ""


def run_chaos(request: ChaosRequest, *, tell: Callable[[str], None], heed: Callable[[], None] = lambda: None) -> Chaos:
    """Run both studies to their end and compare them; interrupted, the same request goes on.

    Parameters
    ----------
    request
        What is asked for.
    tell
        Told what goes on, in lines.
    heed
        Asked again and again: raises where this program is to end.

    Raises
    ------
    StudyError
        The folder holds something else, or the loop does not go on.
    OptionError
        The study is too short.
    """
    found = _begin(request)
    with study_lock(request.root):
        undisturbed = StudyPaths(request.root / UNDISTURBED)
        _run_undisturbed(request, undisturbed, tell, heed)
        disturbed = StudyPaths(request.root / DISTURBED)
        found = _disturb(request, found, (disturbed, undisturbed), tell, heed)
        finished = found.model_copy(
            update={
                "folders": compare_folders(disturbed, undisturbed, found.events, n_days=found.n_days),
                "numbers": compare_numbers(disturbed, undisturbed),
                "faults": tuple(fault.message for fault in verify_study(disturbed).faults),
                "finished": True,
            }
        )
        page = chaos_page(finished, subject=request.study.subject, command=request.command)
        write_bytes(request.root / CHAOS_PAGE, page)
        finished.write(request.root / CHAOS)
    return finished


def _begin(request: ChaosRequest) -> Chaos:
    """Draw the events, or read how far they came; refuse a folder of anything else."""
    path = request.root / CHAOS
    for name in (UNDISTURBED, DISTURBED):
        paths = StudyPaths(request.root / name)
        if not paths.study.is_file():
            if name == UNDISTURBED and request.root.is_dir() and any(request.root.iterdir()):
                raise StudyError(f"{request.root}: expected a new folder, found files in it. Name another folder.")
            make_folder(request.root)
            create_study(_named(request, paths.root))
            if name == DISTURBED:
                document = StudyDocument.read(paths.study)
                document.model_copy(update={"sessions_are_brought": True}).write(paths.study)
    study, protocol = read_identity(StudyPaths(request.root / DISTURBED))
    events = draw_events(request.seed, n_days=protocol.days)
    asked = Chaos(
        simulated=True,
        seed=request.seed,
        study_id=study.study_id,
        code_version=__version__,
        n_days=protocol.days,
        events=events,
    )
    if not path.is_file():
        asked.write(path)
        return asked
    before = Chaos.read(path)
    if (before.seed, before.study_id, tuple(map(_drawn, before.events))) != (
        asked.seed,
        asked.study_id,
        tuple(map(_drawn, events)),
    ):
        raise StudyError(
            f"{request.root}: expected events of seed {request.seed}, found those of seed {before.seed}. "
            "Name another folder."
        )
    return before


def _named(request: ChaosRequest, root: Path) -> Request:
    one = request.study
    return Request(
        root=root,
        subject=one.subject,
        simulated=True,
        protocol=one.protocol,
        images=one.images,
        base_model=one.base_model,
        skip_unreadable=one.skip_unreadable,
    )


def _drawn(event: ChaosEvent) -> tuple[str, int, str, float]:
    return event.kind, event.day, event.stage, event.amount


def _run_undisturbed(
    request: ChaosRequest, paths: StudyPaths, tell: Callable[[str], None], heed: Callable[[], None]
) -> None:
    tell(f"{UNDISTURBED}: the same study, to which nothing happens")
    log = request.root / "logs" / f"{UNDISTURBED}.txt"
    words, nothing = ("run", paths.root), Interference()
    ended = run_program_of("closedloop", words, log=log, tell=tell, interference=nothing, heed=heed)
    if ended.code != DONE:
        raise StudyError(
            f"{paths.root}: expected the undisturbed study to run to its end, found: {ended.last} "
            "Put that right, and run the same command again."
        )


def _disturb(
    request: ChaosRequest,
    found: Chaos,
    paths: tuple[StudyPaths, StudyPaths],
    tell: Callable[[str], None],
    heed: Callable[[], None],
) -> Chaos:
    disturbed, undisturbed = paths
    tell(f"{DISTURBED}: {len(found.events)} events of seed {request.seed}")
    latest = found

    def note(events: tuple[ChaosEvent, ...]) -> None:
        nonlocal latest
        latest = found.model_copy(update={"events": events, "finished": False})
        latest.write(request.root / CHAOS)

    laboratory = Laboratory(
        paths=disturbed,
        undisturbed=undisturbed,
        study=StudyDocument.read(disturbed.study),
        protocol=read_protocol(disturbed.protocol),
        rigs=request.root / "rig",
        recorders=request.root / "recorder",
        logs=request.root / "logs",
        events=found.events,
        note=note,
        tell=tell,
        heed=heed,
    )
    for folder in (laboratory.rigs, laboratory.recorders):
        make_folder(folder)
    laboratory.work()
    return latest
