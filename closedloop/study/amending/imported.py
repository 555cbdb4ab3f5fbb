"""`closedloop import responses`: what a laboratory has recorded already, as what a study's first model is fitted to.

A folder of its own, `imported`, holds the responses and their images. While it is there, the study's start, the sites
of its first session and every refit are made from it; nobody takes it for a recording of the study's own.
"""

from __future__ import annotations

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
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.study import IMPORTED, START_DAY, DayPaths, StudyDocument, StudyPaths
from closedloop.errors import StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.stages.imported.taken import ImportRequest, TakenResponses, take_responses
from closedloop.storage import make_folder, publish_folder, remove_folder, storage_errors
from closedloop.study.amending.decide import Decision, decide, reason_given
from closedloop.study.amending.protocol import refuse_begun


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
    reason_given(why)
    remedy = "Begin a new study with what was recorded elsewhere"
    refuse_begun(paths, protocol, first=0, remedy=remedy)
    if protocol.arms.models:
        raise StudyError(
            f"{paths.protocol}: expected no networks under arms.models where responses are imported, found some. Take "
            "them out, or begin without the import."
        )
    taken = take_responses(
        request,
        n_sites=protocol.sites.n_sites,
        side_px=protocol.images.side_px,
        upright=study.pool.folder is None or study.pool.orientation == "applied",
        simulated=study.simulated,
        progress=progress,
    )
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
