"""Looking at what a person brings: what is missing, what still grows, how long to wait, whether it can be sealed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import LaunchOpened, Presentation, TrialStarted
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.recorder import RecorderDescription
from closedloop.artifacts.records.sequence import block_option
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.devices.files import find_devices
from closedloop.errors import RecordingError
from closedloop.plain_text.printed import quoted
from closedloop.storage import sha256_file
from closedloop.study.completeness.accepted import accepted_sessions, is_accepted
from closedloop.study.completeness.killed import is_closed_with, remedy_of_no_end
from closedloop.study.completeness.looks import FolderLook, Patience, SeenFile, look_at, memory_name
from closedloop.study.completeness.names import is_copying, is_done
from closedloop.study.completeness.other_makers import missing_of
from closedloop.study.completeness.recording import copied, misplaced, missing_in_recording, recorded, twins
from closedloop.study.completeness.session import lacks_end, missing_in_session
from closedloop.study.completeness.sums import Sums, differing, read_sums
from closedloop.study.completeness.wanted import array_patterns, wanted_files

_FRESH_S = 60.0  # a file that changed within it may still be growing

BroughtStage = Literal["present", "recording"]


@dataclass(frozen=True)
class Brought:
    """What is brought for a stage of a day, where it is, and where the look at it is remembered."""

    day: int
    stage: BroughtStage
    folder: Path
    memory: Path


@dataclass(frozen=True)
class Missing:
    """What is missing, in a few words, the file that shows it, and what helps where the usual does not.

    No words where all is there.
    """

    fault: str = ""
    file: str = ""
    remedy: str = ""


_NOTHING_YET = Missing("nothing is there")


@dataclass(frozen=True)
class Outlook:
    """What a look at a folder found.

    Attributes
    ----------
    look
        The files, and since when they are as they are.
    missing
        What a person has to do, in one line; empty where all is there.
    settles_in_s
        For how much longer nothing may change before the files count as left alone.
    notes
        What stops nothing and is yet to be known, a line each.
    """

    look: FolderLook
    missing: str
    settles_in_s: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Watch:
    """Looks at what is brought into a study.

    Attributes
    ----------
    patience
        How long files have to lie unchanged.
    remember
        Whether a look writes down what it saw, for the next one; whoever only wants to know writes nothing.
    no_more
        What a person may do where there is no more to copy; `closedloop accept-recording` where it is not said.
    """

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    patience: Patience = field(default_factory=Patience)
    remember: bool = True
    no_more: str = ""

    def brought(self, day: int, stage: BroughtStage) -> Brought:
        """Return what is brought into the study for a stage of a day."""
        memory = self.paths.day(day).root / memory_name(stage)
        return Brought(day, stage, self.paths.folder(stage, day), memory)

    def see(self, brought: Brought) -> FolderLook:
        """Look at names, sizes and times alone: from then on they count as seen."""
        return look_at(brought.folder, brought.memory, now=self.patience.now(), remember=self.remember)

    def look(self, brought: Brought) -> Outlook:
        """Look at names, sizes, times and ends of files: fast, whatever their size."""
        look = self.see(brought)
        missing = self._missing(brought, look)
        if missing.fault:
            return Outlook(look, self._said(missing, look, brought), 0.0)
        sums = read_sums(brought.folder, look.files)
        settles_in_s = 0.0 if _is_vouched_for(look, sums) else look.settles_in_s(self.patience)
        return Outlook(look, "", settles_in_s, tuple(f"{brought.folder}: {said}" for said in sums.said()))

    def lacks(self, brought: Brought) -> str:
        """Return in a few words what a recording lacks, read to its end; empty where nothing does."""
        look = self.see(brought)
        try:
            fault = self._missing(brought, look).fault
            if fault or not JOURNAL.published(self.paths, brought.day).is_file():
                return fault
            fault = self._unreached(brought, look, lambda _done, _total: None)
            return fault.partition("; it is taken over")[0]
        except RecordingError as error:
            return str(error)

    def changed(self, brought: Brought, look: FolderLook) -> Outlook:
        """Return what a person is told of files that changed from one look to the next."""
        youngest = look.youngest()
        name = youngest.name if youngest else "a file"
        missing = Missing(f"{name} changed while it was looked at", name)
        return Outlook(look, self._said(missing, look, brought), 0.0)

    def read(
        self,
        brought: Brought,
        look: FolderLook,
        *,
        sha256_of: Callable[[str], str],
        progress: Callable[[int, int], None],
    ) -> str:
        """Read what a look cannot see: the bytes behind checksums, the codes of a recording.

        Parameters
        ----------
        brought, look
            What is brought, and a look at it that missed nothing.
        sha256_of
            The sha256 of a file by its name in the folder.
        progress
            Called with (done, total) packets.

        Returns
        -------
        str
            What a person has to do, in one line; empty where the folder can be sealed.

        Raises
        ------
        RecordingError
            A file is not as the list of checksums beside it says, or is another one under a second name.
        """
        other = differing(brought.folder, read_sums(brought.folder, look.files), sha256_of)
        if other is not None and look.settles_in_s(self.patience) > 0:
            return self._said(Missing(f"{other.name} does not match {other.listed_in} yet", other.name), look, brought)
        if other is not None:
            raise RecordingError(
                f"{brought.folder / other.name}: expected the checksum in {other.listed_in}, found another. "
                f"Copy the file again; if it is the list that is wrong, move {other.listed_in} out of the folder."
            )
        if brought.stage == "recording":
            _refuse_twins(brought, look)
        if brought.stage == "present" or is_accepted(self.paths, brought.day, look.files):
            return ""
        fault = self._unreached(brought, look, progress)
        return self._said(Missing(fault), look, brought) if fault else ""

    def _unreached(self, brought: Brought, look: FolderLook, progress: Callable[[int, int], None]) -> str:
        if self.study.recorder is not None:
            from closedloop.stages.ingest.other_makers import codes_missing_of  # noqa: PLC0415 - without neo

            return codes_missing_of(brought.folder, self.study.recorder, self._journal(brought.day))
        from closedloop.stages.ingest.reach import reach_of  # noqa: PLC0415 - a look does without alignment

        files = [brought.folder / name for name in recorded(look.files)]
        devices = find_devices(files, arrays=array_patterns(self.study))
        bridge_ms = self.protocol.recording.bridge_ms
        reach = reach_of(devices, self._journal(brought.day), bridge_ms=bridge_ms, progress=progress)
        left_s = look.settles_in_s(self.patience, wanted_s=self.patience.doubtful_s)
        proven = read_sums(brought.folder, look.files).cover(_but_done(look))
        if reach.missing or not reach.doubt or not left_s or proven:  # DONE may come too early: it proves nothing
            return reach.missing
        return f"{reach.doubt}; it is taken over once nothing has changed for another {left_s / 60:.0f} min"

    def _missing(self, brought: Brought, look: FolderLook) -> Missing:
        copying = next((file.name for file in look.files if is_copying(file.name)), "")
        if copying:
            return Missing(f"{copying} is of a copy that is not finished", copying)
        if brought.stage == "present":
            return self._missing_of_session(brought, look)
        if self.study.recorder is not None:
            return self._missing_of_other_maker(brought, look, self.study.recorder)
        if not recorded(look.files):
            inside = misplaced(look.files)
            where = f"{inside} lies in a folder of its own, and belongs into {brought.folder} itself"
            return Missing(where) if inside else _NOTHING_YET
        accepted = is_accepted(self.paths, brought.day, look.files)
        lacking = "" if accepted else read_sums(brought.folder, look.files).lacking()
        if accepted or lacking:
            return Missing(lacking)
        return self._missing_of_files(brought, look)

    def _missing_of_session(self, brought: Brought, look: FolderLook) -> Missing:
        if not look.files:
            return _NOTHING_YET

        def is_closed(journal: Path) -> bool:
            return is_closed_with(self.paths, day=brought.day, journal_sha256=sha256_file(journal))

        fault = missing_in_session(brought.folder, look.files, is_closed=is_closed)
        remedy = remedy_of_no_end(self.paths, day=brought.day) if fault and lacks_end(brought.folder) else ""
        return Missing(fault, remedy=remedy)

    def _missing_of_files(self, brought: Brought, look: FolderLook) -> Missing:
        pair = copied(brought.folder, look.files, patterns=array_patterns(self.study))
        if pair:
            remedy = (
                "Move the one that is a copy or a sorted file out of the folder; where they are of two arrays, name "
                "them array1 and array2."
            )
            return Missing(f"{pair[0]} and {pair[1]} are of one array and began in the same moment", remedy=remedy)
        wanted = wanted_files(
            self.paths, self.study, self.protocol, day=brought.day, excepted=accepted_sessions(self.paths)
        )
        session_s = self._session_s(brought.day)
        return Missing(*missing_in_recording(brought.folder, look.files, wanted=wanted, session_s=session_s))

    def _missing_of_other_maker(self, brought: Brought, look: FolderLook, recorder: RecorderDescription) -> Missing:
        if not look.files:
            return _NOTHING_YET
        sums = read_sums(brought.folder, look.files)
        lacking = sums.lacking(all_matter=True)
        if lacking:
            remedy = "Copy it again; if there is no more of it, move the list of checksums out of the folder."
            return Missing(lacking, remedy=remedy)
        return Missing(missing_of(brought.folder, recorder))

    def _journal(self, day: int) -> Journal:
        return JOURNAL.read(JOURNAL.published(self.paths, day))

    def _session_s(self, day: int) -> float:
        """Return the time from the first to the last code, over all launches; 0 where the journal is not there."""
        if not JOURNAL.published(self.paths, day).is_file():
            return 0.0
        spans: list[list[float]] = []
        for row in self._journal(day).rows:
            if isinstance(row, LaunchOpened):
                spans.append([])
            elif isinstance(row, Presentation | TrialStarted) and spans:
                spans[-1].append(row.onset_s if isinstance(row, Presentation) else row.time_s)
        return sum(max(times) - min(times) for times in spans if times)

    def _said(self, missing: Missing, look: FolderLook, brought: Brought) -> str:
        """Say in one line what is missing, and what to do about it."""
        day, folder = self.paths.block(brought.day).said, brought.folder
        if missing == _NOTHING_YET and brought.stage == "present":
            return (
                f"{day}: the session is ready. Record, and present it with "
                f"`rig present {quoted(self.paths.folder('schedule', brought.day))} --rig rig.yaml "
                f"--out {quoted(folder)}` "
                "(copy the folder to the rig and all files of its output back; `rig init` writes rig.yaml)."
            )
        if missing == _NOTHING_YET:
            what = "recording" if self.study.recorder else ".nev (and .nsx) files"
            return f"{day}: copy the session's {what} into {folder}."
        now = self.patience.now()
        fresh = [file for file in look.files if now - file.changed_ns / 1e9 < _FRESH_S]
        growing = next((file for file in fresh if file.name == missing.file), look.youngest() if fresh else None)
        if growing is not None:
            own = growing.name == missing.file  # else what is missing is no matter of the file that grows
            what = f"{growing.said(now)} in {folder}: {missing.fault}"
            what = what if own else f"{missing.fault} in {folder}; {growing.said(now)}"
            no_more = f" If there is no more of it, {self.no_more}." if self.no_more else ""
            again = " Run again when the copy is done." if self.patience.stays else ""
            return f"{day}: {what}.{again}{no_more}"
        if missing.remedy:
            return f"{day}, {folder}: {missing.fault}. {missing.remedy}"
        if brought.stage == "present":
            return f"{day}, {folder}: {missing.fault}. Bring the session's output from the rig again, whole."
        study = quoted(self.paths.root)
        options = f"--day {brought.day}{block_option(self.paths.block(brought.day))}"
        accept = f"`closedloop accept-recording {study} {options} --why REASON` takes it as it is"
        return f"{day}, {folder}: {missing.fault}. Copy it again; if there is no more of it, {self.no_more or accept}."


def _refuse_twins(brought: Brought, look: FolderLook) -> None:
    same = twins(brought.folder, look.files)
    if same is not None:
        first, second = same
        raise RecordingError(
            f"{brought.folder / second}: expected a recording of its own, found the very bytes of {first}. Copy "
            f"{second} again from the recorder; if there is none, move this one out of the study."
        )


def _but_done(look: FolderLook) -> list[SeenFile]:
    return [file for file in look.files if not is_done(file.name)]


def _is_vouched_for(look: FolderLook, sums: Sums) -> bool:
    """Return whether the files say themselves that they are whole: checksums of all, or DONE after all others."""
    others = _but_done(look)
    if sums.cover(others):
        return True
    done = [file.changed_ns for file in look.files if is_done(file.name)]
    return bool(done and others) and max(done) >= max(file.changed_ns for file in others)
