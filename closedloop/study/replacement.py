"""A bad copy of a recording gives way to a good one; the bad one is kept, and what was computed from it is made again.

Killed at any point, the day has the old recording or the new one, whole: the new one is copied beside it and compared,
what is going to happen is written down, and only then folders change names. Whoever holds the study next finishes what
was written down.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest, relative_files
from closedloop.artifacts.records.amendments import Amendment, append_amendment, read_amendments
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import RecordingError, StudyError
from closedloop.plain_text.json_text import read_json
from closedloop.plain_text.printed import quoted
from closedloop.storage import (
    copy_file,
    make_folder,
    remove_file,
    remove_folder,
    rename,
    resolved,
    sha256_file,
    storage_errors,
    sync_folder,
    sync_tree,
    write_bytes,
)
from closedloop.study.amending.recorded import recorded_sessions
from closedloop.study.completeness.accepted import state_of
from closedloop.study.completeness.looks import count_as_settled, list_files, memory_name

_KEPT = re.compile("recording-[0-9]{1,6}")
INTENT = ".replacement.json"
"""The file that says what is going to happen, while it happens."""


class _Intent(Section):
    """What is going to happen: under which name the old recording is kept, and what is noted of it."""

    kept: str
    amendment: Amendment


@dataclass(frozen=True)
class Replacement:
    """The folders of a day that change their names."""

    paths: StudyPaths
    day: int

    @property
    def recording(self) -> Path:
        """What the day has."""
        return self.paths.folder("recording", self.day)

    @property
    def coming(self) -> Path:
        """Where the new copy is made."""
        return self.recording.with_name(".recording.new")

    @property
    def memory(self) -> Path:
        """Where the looks at the new recording are remembered while it is elsewhere."""
        return self.recording.with_name(memory_name("replacement"))

    @property
    def is_begun(self) -> bool:
        """Whether somebody wrote down what is going to happen, and not all of it has."""
        return self._intent.is_file()

    @property
    def _intent(self) -> Path:
        return self.recording.with_name(INTENT)

    def state(self) -> dict[str, str]:
        """Return what the day has, by name: sha256 where it is sealed, sizes where it is not.

        Of the bytes that are there, which will be kept: somebody may have copied others over the sealed ones.
        """
        files = list_files(self.recording)
        if (self.recording / MANIFEST_NAME).is_file():
            return {file.name: sha256_file(self.recording / file.name) for file in files}
        return state_of(files)

    def overwritten(self) -> str:
        """Say which sealed files are no longer what was sealed, to be noted; empty where all are."""
        if not (self.recording / MANIFEST_NAME).is_file():
            return ""
        sealed, now = read_manifest(self.recording).outputs, self.state()
        names = [name for name, entry in sealed.items() if now.get(name) != entry.sha256]
        return f" (closedloop: not as they were sealed: {', '.join(names)}; kept as found)" if names else ""

    def refuse(self, source: Path) -> None:
        """Stop where there is nothing to replace.

        Raises
        ------
        StudyError
            The day has no recording; or the new files lie in the study, and are none that it kept.
        """
        if not self.recording.is_dir() or not list_files(self.recording):
            raise StudyError(
                f"{self.recording}: expected a recording to replace, found none. Copy the files there, and go on with "
                f"`closedloop run {quoted(self.paths.root)}`."
            )
        in_the_study = resolved(source).is_relative_to(resolved(self.paths.root))
        was_kept = resolved(source).parent == resolved(self.paths.replaced(self.day)) and _KEPT.fullmatch(source.name)
        if not source.is_dir() or (in_the_study and not was_kept):
            found = "one in the study itself" if source.is_dir() else "none"
            raise StudyError(f"{source}: expected a folder with the recorder's files, found {found}. Correct --from.")

    def made_again(self) -> str:
        """Say what is made again of this day and later ones, and what stands as it was shown; empty before ingest."""
        if not (self.paths.folder("ingest", self.day) / MANIFEST_NAME).is_file():
            return ""
        own, sequence = self.paths.block(self.day), self.paths.sequence
        shown = [one for one in recorded_sessions(self.paths) if one > own]
        planned = [
            one
            for one in self.paths.found()
            if (self.paths.at(one).folder("schedule", one.day) / MANIFEST_NAME).is_file()
            and one in sequence.of_day(one.day)
        ]
        names = [str(one.seed_name) for one in shown]
        stands = f" Days {', '.join(names)} stand as they were shown." if len(shown) > 1 else ""
        stands = f" Day {names[0]} stands as it was shown." if len(shown) == 1 else stands
        waiting = [one for one in planned if one > own and one not in shown]
        anew = f" The session of {waiting[0].said} is made anew: if it was shown, bring it first." if waiting else ""
        return f" What was computed from it since, later models among it, is made again.{stands}{anew}"

    def copy(self, source: Path, progress: Callable[[int, int], None]) -> dict[str, str]:
        """Copy a recording beside the old one and read it back; return the sha256 of its files by name.

        Parameters
        ----------
        source
            Where it lies; nothing is written there.
        progress
            Called with (done, total) bytes.

        Raises
        ------
        RecordingError
            A file is not the same when it is read back.
        """
        names = relative_files(source)
        n_done, n_bytes = 0, sum((source / name).stat().st_size for name in names)
        digests = {}
        with storage_errors(self.coming):
            remove_folder(self.coming)
            make_folder(self.coming)
            for name in names:
                make_folder((self.coming / name).parent)
                copy_file(source / name, self.coming / name)
                digests[name] = sha256_file(self.coming / name)
                if sha256_file(source / name) != digests[name]:
                    raise RecordingError(
                        f"{source / name}: expected the same bytes in the study's copy, found others. Run it again; "
                        "check the disks if this comes back."
                    )
                n_done += (source / name).stat().st_size
                progress(n_done, n_bytes)
            sync_tree(self.coming)
        return digests

    def refuse_same(self, source: Path, digests: dict[str, str]) -> None:
        """Stop where the new copy is what the day has, as it was sealed: the same command was given twice.

        Parameters
        ----------
        source
            Where the new copy lies, for the message.
        digests
            Of `copy`, which is removed.

        Raises
        ------
        StudyError
            It is.
        """
        now = {file.name: sha256_file(self.recording / file.name) for file in list_files(self.recording)}
        is_sealed = (self.recording / MANIFEST_NAME).is_file()
        outputs = read_manifest(self.recording).outputs if is_sealed else {}
        sealed = {name: entry.sha256 for name, entry in outputs.items()} if is_sealed else now
        if now == sealed == digests:
            remove_folder(self.coming)
            raise StudyError(
                f"{source}: expected another recording than {self.paths.block(self.day).said} has, found the same, "
                f"byte for byte. Go on with `closedloop run {quoted(self.paths.root)}`."
            )

    def begin(self, amendment: Amendment) -> None:
        """Write down what is going to happen, once the new copy is whole; from here on it happens.

        Parameters
        ----------
        amendment
            What is noted.
        """
        places = (self.paths.kept(self.day, number) for number in count(1))
        kept = next(place for place in places if not place.exists())
        write_bytes(self._intent, _Intent(kept=kept.name, amendment=amendment).model_dump_json().encode())

    def finish(self) -> None:
        """Do what was written down, or what is left of it; nothing where nothing was."""
        if not self.is_begun:
            return
        intent = validate(
            _Intent,
            read_json(self._intent, missing="expected a file, found none. Restore it."),
            place=str(self._intent),
        )
        if not _KEPT.fullmatch(intent.kept):
            raise StudyError(
                f"{self._intent}: kept: expected recording- and a number, found {intent.kept!r:.60}. Restore the file."
            )
        kept = self.paths.replaced(self.day) / intent.kept
        with storage_errors(self.recording):
            if self.coming.is_dir() and self.recording.is_dir() and not kept.exists():
                make_folder(kept.parent)
                rename(self.recording, kept)
            if self.coming.is_dir() and not self.recording.exists():
                rename(self.coming, self.recording)
            if intent.amendment not in read_amendments(self.paths.amendments):
                append_amendment(self.paths.amendments, intent.amendment)
            count_as_settled(self.recording, self.recording.with_name(memory_name("recording")))
            remove_file(self.memory)
            remove_file(self._intent)
            sync_folder(self.recording.parent)


def finish_replacements(paths: StudyPaths) -> None:
    """Finish what a killed replacement began, on any day."""
    for block in paths.found():
        replacement = Replacement(paths.at(block), block.day)
        if replacement.is_begun:
            replacement.finish()
