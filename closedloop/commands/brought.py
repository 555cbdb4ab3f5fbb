"""`closedloop accept-recording` and `replace-recording`: a person's decisions on a recording, noted with the reason."""

from __future__ import annotations

import getpass
from pathlib import Path

from rich.console import Console

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, append_amendment, utc_now
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.commands.console import ConsoleReporter
from closedloop.commands.days import refuse_other_blocks, refuse_other_days
from closedloop.commands.interrupts import interruptible
from closedloop.errors import OptionError, RecordingError, StudyError
from closedloop.plain_text.printed import check_given_name, check_given_text, quoted
from closedloop.storage import resolved, sha256_file
from closedloop.study.completeness.accepted import state_of
from closedloop.study.completeness.looks import Patience, list_files
from closedloop.study.completeness.names import is_copying
from closedloop.study.completeness.recording import recorded
from closedloop.study.completeness.waiting import wait_until_whole
from closedloop.study.completeness.watch import Brought, Watch
from closedloop.study.handover import refuse_another_session, refuse_simulated
from closedloop.study.loop import Reporter, read_identity
from closedloop.study.process.lock import study_lock
from closedloop.study.replacement import Replacement, finish_replacements


def accept_recording(study: Path, *, day: int, why: str, who: str | None, block: int = 1) -> str:
    """Note that a day's recording is taken as it is, though it lacks something.

    Parameters
    ----------
    study
        Study folder.
    day
        Whose recording.
    why
        The reason.
    who
        The person; None: the name of the account.
    block
        Which of the day's sessions.

    Returns
    -------
    str
        What was done, in a line.

    Raises
    ------
    StudyError
        The study is simulated, the recording is not there or sealed already, or no reason is given.
    """
    paths, document, protocol = _real_study(study, day, block)
    reason, folder = _reason(why, who), paths.folder("recording", day)
    if (folder / MANIFEST_NAME).is_file():
        raise StudyError(
            f"{folder}: expected a recording that waits to be taken over, found it sealed. Nothing is left."
        )
    files = list_files(folder) if folder.is_dir() else ()
    if not recorded(files):
        raise StudyError(f"{folder}: expected the recorder's files, found none. Copy there what there is.")
    copying = next((file.name for file in files if is_copying(file.name)), "")
    if copying:
        raise StudyError(
            f"{folder / copying}: expected copies that are finished, found one that is not. Wait until it is; where "
            "nothing copies any more, move this file out of the folder."
        )
    refuse_another_session(paths, folder, day=day)
    watch = Watch(paths, document, protocol, remember=False)
    lacks = watch.lacks(watch.brought(day, "recording")) or "nothing was found missing"
    with study_lock(paths.root):
        after = state_of(files)
        amendment = _amendment("accept_recording", paths.block(day), who, reason, before={}, after=after)
        append_amendment(paths.amendments, amendment)
    said = ", ".join(f"{name} ({size})" for name, size in after.items())
    return (
        f"{paths.block(day).said}: the recording will be taken as it is, although {lacks.rstrip('.')}: {said}. "
        f"Noted in {paths.amendments}. Go on with `closedloop run {quoted(paths.root)}`."
    )


def replace_recording(
    study: Path, *, day: int, source: Path, why: str, who: str | None, as_it_is: bool, settle_s: float, block: int = 1
) -> str:
    """Put a good copy of a day's recording in the place of a bad one, which is kept.

    Parameters
    ----------
    study
        Study folder.
    day
        Whose recording.
    source
        The folder with the good copy; nothing is written there.
    why
        The reason.
    who
        The person; None: the name of the account.
    as_it_is
        Whether it may lack something.
    settle_s
        For how long it must not have changed.
    block
        Which of the day's sessions.

    Returns
    -------
    str
        What was done, in a line.

    Raises
    ------
    ClosedLoopError
        The study is simulated, there is nothing to replace, or the good copy is not whole.
    """
    paths, document, protocol = _real_study(study, day, block)
    reason, reporter = _reason(why, who), ConsoleReporter(Console(stderr=True), n_days=protocol.days)
    stopped = "Stopped. The recording is as it was, or wholly replaced; run the same command again."
    with interruptible(stopped), reporter.shown(), study_lock(paths.root):
        finish_replacements(paths)
        replacement = Replacement(paths, day)
        replacement.refuse(source)
        if not as_it_is:
            no_more = "pass --as-it-is"  # this command's own way, not that of a recording that lies in the study
            watch = Watch(paths, document, protocol, Patience(settle_s=settle_s), no_more=no_more)
            _refuse_incomplete(watch, Brought(day, "recording", source, replacement.memory), reporter)
        refuse_simulated(source)
        refuse_another_session(paths, source, day=day)
        before, reason = replacement.state(), f"{reason}{replacement.overwritten()}"
        after = replacement.copy(source, reporter.begin(day, "copy", 1))
        replacement.refuse_same(source, after)
        replacement.begin(_amendment("replace_recording", paths.block(day), who, reason, before=before, after=after))
        replacement.finish()
    return (
        f"{paths.block(day).said}: the recording is the one from {source}; the one before is kept in "
        f"{paths.replaced(day)}. Noted in {paths.amendments}.{replacement.made_again()} "
        f"Go on with `closedloop run {quoted(paths.root)}`."
    )


def _refuse_incomplete(watch: Watch, brought: Brought, reporter: Reporter) -> None:
    outlook = wait_until_whole(
        watch,
        brought,
        sha256_of=lambda name: sha256_file(brought.folder / name),
        tell=reporter.say,
        progress=reporter.begin(brought.day, "recording", 1),
    )
    if outlook.missing:
        raise RecordingError(outlook.missing)


def _real_study(study: Path, day: int, block: int) -> tuple[StudyPaths, StudyDocument, Protocol]:
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    if document.simulated:
        raise StudyError(f"{paths.root}: expected a study of an animal, found a simulated one. It records for itself.")
    refuse_other_days(protocol, day)
    return refuse_other_blocks(paths, day, block), document, protocol


def _reason(why: str, who: str | None) -> str:
    if not why.strip():
        raise OptionError("--why: expected a reason, found none. Say in a few words why.")
    check_given_text(why, option="--why", error=OptionError)
    if who is not None:
        check_given_name(who, option="--who", error=OptionError)
    return why.strip()


def _amendment(
    kind: str, block: Block, who: str | None, why: str, *, before: dict[str, str], after: dict[str, str]
) -> Amendment:
    said = {"kind": kind, "simulated": False, "day": block.day, "block": block.number, "utc": utc_now(), "why": why}
    said |= {"who": who or getpass.getuser()}
    return Amendment.model_validate(said | {"subject": tuple(after), "before": before, "after": after})
