"""`closedloop import responses`: what a laboratory has recorded already, as what a study's first model is fitted to.

A folder of its own, `imported`, holds the responses and their images. While it is there, the study's start, the sites
of its first session and every refit are made from it; nobody takes it for a recording of the study's own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict

from closedloop import __version__
from closedloop.artifacts.amended.imported import (
    CONTENT_SHA256,
    N_IMAGES,
    N_SITES,
    SOURCE,
    content_sha256,
    imported_line,
)
from closedloop.artifacts.catalog import IMPORTED_IMAGES, IMPORTED_RATES, IMPORTED_RESPONSES
from closedloop.artifacts.imported.laboratory import read_laboratory
from closedloop.artifacts.imported.shown import ShownOptions, read_shown
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.recorder import RecorderDescription
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.study import IMPORTED, START_DAY, DayPaths, StudyDocument, StudyPaths
from closedloop.errors import StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.stages.imported.taken import ImportRequest, TakenResponses, take_responses
from closedloop.stages.recorded_elsewhere.responses import ElsewhereDay, count_responses, most_reliable
from closedloop.storage import make_folder, publish_folder, remove_folder, storage_errors
from closedloop.study.amending.decide import Decision, decide, reason_given
from closedloop.study.amending.protocol import refuse_begun

ShownProgress = Callable[[], AbstractContextManager[ProgressCallback]]

_CROSSINGS: Final = "imported-crossings"


@dataclass(frozen=True)
class RecordingDayRequest:
    """What is to be imported.

    Attributes
    ----------
    table
        What the program showed: a table in CSV, or its own file.
    folder
        The recording's.
    image_folder, sites, electrodes
        As of `ImportRequest`; no sites: the most reliable ones.
    recorder
        Of another maker; None: the study's.
    refresh_hz
        Of the display; None where nobody says.
    shown
        What only a person knows of a program's own file.
    """

    table: Path
    folder: Path
    image_folder: Path | None = None
    sites: tuple[str, ...] = ()
    electrodes: Path | None = None
    recorder: RecorderDescription | None = None
    refresh_hz: float | None = None
    shown: ShownOptions = field(default_factory=lambda: ShownOptions({}))


def import_responses(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    request: ImportRequest,
    *,
    by: str | None,
    why: str,
    progress: ProgressCallback,
) -> Amendment:
    """Let a study begin with responses that were recorded elsewhere. The study is locked meanwhile.

    Parameters
    ----------
    paths, study, protocol
        The study.
    request
        What to import.
    by
        Who decides; None: the name of the account.
    why
        The reason.
    progress
        Called with (images read, all images).

    Raises
    ------
    StudyError
        Its first day has begun to be shown, or cannot begin so.
    DocumentError
        The file holds no such responses; or its sites are not as many as the model's.
    ImageError
        A picture is missing or cannot be shown.
    OptionError
        No reason is given, or an option names what the file does not hold.
    """
    _refuse_no_import(paths, protocol, why=why)
    taken = take_responses(
        read_laboratory(request.file, request.names), request, **_of_study(study, protocol), progress=progress
    )
    return _keep(paths, study, protocol, taken, by=by, why=why)


def import_recording_day(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    request: RecordingDayRequest,
    *,
    by: str | None,
    why: str,
    reading: ShownProgress,
    counting: ShownProgress,
) -> Amendment:
    """Let a study begin with a day that another program ran. The study is locked meanwhile.

    Parameters
    ----------
    paths, study, protocol, by, why
        As in `import_responses`.
    request
        What to import.
    reading
        Shows how far the images are read, while it is entered.
    counting
        Likewise how far crossings are looked for, where they are counted from voltage.

    Raises
    ------
    ClosedLoopError
        As `import_responses` does; or the recording cannot be read, or is not of this table.
    """
    _refuse_no_import(paths, protocol, why=why)
    table = read_shown(request.table, request.shown)
    scratch = DayPaths(paths.root).working(_CROSSINGS)
    arrays = tuple(one.files for one in study.array_files)
    frame_ms = None if request.refresh_hz is None else 1000 / request.refresh_hz
    recorder = request.recorder or study.recorder
    day = ElsewhereDay(request.table, request.folder, scratch, arrays, recorder, frame_ms)
    with counting() as progress:
        found = count_responses(day, table, wanted=protocol.recording, progress=progress)
    sites = request.sites or most_reliable(found, protocol.sites, file=request.table)
    asked = ImportRequest(request.table, image_folder=request.image_folder, sites=sites, electrodes=request.electrodes)
    with reading() as progress:
        taken = take_responses(found, asked, **_of_study(study, protocol), progress=progress)
    line = _keep(paths, study, protocol, taken, by=by, why=why)
    remove_folder(scratch)
    return line


def _refuse_no_import(paths: StudyPaths, protocol: Protocol, *, why: str) -> None:
    """Refuse where nothing can be imported any more, or no reason is given."""
    reason_given(why)
    remedy = "Begin a new study with what was recorded elsewhere"
    refuse_begun(paths, protocol, first=0, remedy=remedy)
    if protocol.arms.models:
        raise StudyError(
            f"{paths.protocol}: expected no networks under arms.models where responses are imported, found some. Take "
            "them out, or begin without the import."
        )


class _OfStudy(TypedDict):
    n_sites: int
    side_px: int
    upright: bool
    simulated: bool


def _of_study(study: StudyDocument, protocol: Protocol) -> _OfStudy:
    return {
        "n_sites": protocol.sites.n_sites,
        "side_px": protocol.images.side_px,
        "upright": study.pool.folder is None or study.pool.orientation == "applied",
        "simulated": study.simulated,
    }


def _keep(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, taken: TakenResponses, *, by: str | None, why: str
) -> Amendment:
    """Publish what was taken, and note who decided so."""
    document, content = taken.document, _publish(paths, study, protocol, taken)
    told = {
        SOURCE: document.source,
        N_IMAGES: str(document.n_images),
        N_SITES: str(len(document.sites)),
        CONTENT_SHA256: content,
    }

    def decision(lines: tuple[Amendment, ...]) -> Decision:
        earlier = imported_line(lines)
        before = {} if earlier is None else {name: earlier.after[name] for name in told if name in earlier.after}
        return Decision("import_responses", 0, (document.source_sha256,), before, told)

    return decide(paths, study, by=by, why=why, decision=decision)


def _publish(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    taken: TakenResponses,
) -> str:
    """Publish the folder in place of an earlier one, and return what is in it as a hash."""
    working = DayPaths(paths.root).working(IMPORTED)
    with storage_errors(working):
        remove_folder(working)
        make_folder(working)
        mark = study.simulated
        IMPORTED_RATES.write(working / IMPORTED_RATES.name, taken.rates, simulated=mark)
        IMPORTED_IMAGES.write(working / IMPORTED_IMAGES.name, {"images": taken.images}, simulated=mark)
        IMPORTED_RESPONSES.write(working / IMPORTED_RESPONSES.name, taken.document, simulated=mark)
        outputs = describe_files(working)
        content = content_sha256(outputs)
        Manifest(
            simulated=mark,
            stage=IMPORTED,
            day=None,
            seed=derive_seed(protocol.seed, study.subject, START_DAY, IMPORTED),
            code_version=__version__,
            protocol_sha256=protocol_sha256(protocol),
            input_hash=taken.document.source_sha256,
            inputs={},
            outputs=outputs,
            seconds=0,
            peak_memory_mb=0,
        ).write(working / MANIFEST_NAME)
        publish_folder(working, paths.imported)
    return content
