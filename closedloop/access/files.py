"""The published files of a study: days and marks checked, and what is not there yet named with its remedy."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import Exclusion, LeftOutOf, left_out, of_session
from closedloop.artifacts.amended.protocols import protocol_of_day
from closedloop.artifacts.files.kinds import Readable, StudyFile
from closedloop.artifacts.input_hash import INGEST_SECTIONS, input_hash
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest, way_back
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256, read_protocol
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import STAGES, StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError, DocumentError, StudyError
from closedloop.plain_text.printed import quoted

Content = TypeVar("Content")

_ATTEMPTS = 2  # a stage may be published while it is read; twice in a row is a loop at work


@dataclass(frozen=True)
class PublishedFiles:
    """What a study has published so far. Nothing is written or locked, and no database is opened."""

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol

    @property
    def days(self) -> tuple[int, ...]:
        """The days that have begun, ascending, without those that were skipped: nothing of theirs counts."""
        skipped = self.paths.sequence.skipped
        return tuple(
            day for day in range(self.protocol.days) if day not in skipped and self.paths.day(day).root.is_dir()
        )

    def protocol_of(self, day: int) -> Protocol:
        """Return the protocol that a day goes by: protocol.yaml's, with what was amended."""
        return protocol_of_day(self.protocol, read_amendments(self.paths.amendments), day)

    def left_out_of(self, part: LeftOutOf, day: int) -> tuple[Exclusion, ...]:
        """Return what people left out of the fit or the evaluation of the session that a day means."""
        session = self.paths.block(day)
        return of_session(left_out(read_amendments(self.paths.amendments), part, until=session), session)

    def is_left_out(
        self, part: LeftOutOf, day: int, ordinals: NDArray[np.integer[Any]], sites: Sequence[str]
    ) -> NDArray[np.bool_]:
        """Return which responses of the session that a day means people left out, (n_presentations, n_sites).

        Parameters
        ----------
        part
            Of the fit or the evaluation.
        day
            The day.
        ordinals
            Presentations, as `Study.presentations` counts them.
        sites
            neuroid_ids.
        """
        is_out = np.zeros((len(ordinals), len(sites)), dtype=bool)
        for one in self.left_out_of(part, day):
            if one.thing in ("site", "array"):
                is_out[:, [one.covers_site(name) for name in sites]] = True
            elif one.first is None or one.last is None:
                is_out[:] = True
            else:
                is_out[(ordinals >= one.first) & (ordinals <= one.last)] = True
        return is_out

    def days_with(self, file: StudyFile) -> tuple[int, ...]:
        """Return the days that have published a file, ascending."""
        return tuple(day for day in self.days if self._is_there(file, day))

    def sessions_with(self, file: StudyFile) -> tuple[Block, ...]:
        """Return the sessions that have published a file, in order."""
        blocks = (block for day in self.days for block in self.paths.sequence.of_day(day))
        return tuple(block for block in blocks if _has_published(file, file.published(self.paths.at(block), block.day)))

    def _is_there(self, file: StudyFile, day: int) -> bool:
        """Return whether a day has published a file: its stage, and an optional one by its manifest."""
        return _has_published(file, file.published(self._seen_for(file, day), day))

    def path(self, file: StudyFile, day: SupportsIndex, *, handed_on: bool = False) -> Path:
        """Return where a published file lies.

        Parameters
        ----------
        file
            Of `artifacts.catalog`.
        day
            Whose file.
        handed_on
            Whether the day after the last one counts too: what the last day leaves.

        Raises
        ------
        StudyError
            There is no such day, it has not come as far, or the file is of another study or damaged.
        """
        number = self._checked(day, n_days=self.protocol.days + int(handed_on))
        path = file.published(self._seen_for(file, number), number)
        if not _is_published(path):
            raise StudyError(f"{path.parent}: expected {file.name} ({file.holds}), {self._why_missing(path, number)}")
        self._check(path)
        if file.optional and file in catalog.OF_THE_DAY_SO_FAR and path.name not in read_manifest(path.parent).outputs:
            raise StudyError(
                f"{path.parent}: expected {file.name} ({file.holds}), found that the version of closedloop that "
                f"evaluated day {number} wrote none. `closedloop replay` with this version makes it, beside the study."
            )
        return path

    def _seen_for(self, file: StudyFile, number: int) -> StudyPaths:
        """Return the study as a day's file is read: what is of all its sessions so far is left by the last of them."""
        if file not in catalog.OF_THE_DAY_SO_FAR or self.paths.seen_from is not None:
            return self.paths
        sessions = (self.paths.at(one) for one in reversed(self.paths.sequence.of_day(number)))
        return next((at for at in sessions if _is_published(file.published(at, number))), self.paths)

    def seen_from(self, day: int, number: int) -> PublishedFiles:
        """Return the same study with a day meaning one of its sessions.

        Raises
        ------
        StudyError
            The day has no such session.
        """
        known = [one.number for one in self.paths.sequence.of_day(day)]
        if number not in known:
            sessions = " or ".join(map(str, known)) or "none, for it is skipped"
            raise StudyError(
                f"{self.paths.root}: expected a session of day {day}, {sessions}, found {number}. Correct it."
            )
        return replace(self, paths=self.paths.at(Block(day, number)))

    def has(self, file: StudyFile, day: SupportsIndex) -> bool:
        """Return whether an optional file is there."""
        return self.path(file, day).is_file()

    def read(self, file: Readable[Content], day: SupportsIndex) -> Content:
        """Read a published file; `path` and the file's own kind have what is raised."""
        if not isinstance(file, StudyFile):
            raise TypeError(f"expected a file of artifacts.catalog, found {file!r}")
        return file.read(self.path(file, day))

    def read_together(
        self, day: SupportsIndex, file: StudyFile, read: Callable[[], Content], *, made_from: tuple[StudyFile, ...] = ()
    ) -> Content:
        """Read files of a day that belong together: of one generation, and none published again meanwhile.

        Parameters
        ----------
        day
            Whose files.
        file
            The one of the latest stage; others of its folder are safe with it.
        read
            Reads them; called again where one was published meanwhile.
        made_from
            One file of each earlier stage that is read with it.

        Raises
        ------
        StudyError
            The day is stale, or a loop is making it again; or what `read` raises.
        """
        files = (file, *made_from)
        for _ in range(_ATTEMPTS):
            before = self._manifests(day, files)
            self._check_generation(day, *before)
            try:
                found = read()
            except ClosedLoopError:
                if self._manifests(day, files) == before:
                    raise
                continue
            if self._manifests(day, files) == before:
                return found
        raise self._made_again(day, file.stage)

    def check_window(self, day: SupportsIndex) -> None:
        """Check that a day's spikes were counted in the window of protocol.yaml.

        What people decided of the day changes no window: it is taken as it was when the spikes were counted.

        Raises
        ------
        StudyError
            They were not, or nobody knows.
        """
        manifest, number = self.manifest(day, "ingest"), operator.index(day)
        protocol = self.protocol_of(number)
        if manifest.protocol_sha256 == protocol_sha256(protocol):
            return
        wanted = input_hash(
            manifest.stage,
            self.paths.block(number),
            study=self.study,
            protocol=protocol,
            sections=INGEST_SECTIONS,
            inputs=manifest.inputs,
            decisions=manifest.decisions,
        )
        if manifest.input_hash != wanted:  # else what changed since decides other stages alone
            raise StudyError(
                f"{self.paths.folder('ingest', number)}: expected counts of the window in protocol.yaml, found that it "
                f"was made with another protocol than protocol.yaml has now. Restore it, or run `closedloop run "
                f'{quoted(self.paths.root)}`, and open the study again; unit="counts" needs no window.'
            )

    def manifest(self, day: SupportsIndex, stage: str) -> Manifest:
        """Read a stage's manifest.

        Raises
        ------
        StudyError
            There is no such stage or day, or the day has not come as far; the last day never has a queue.
        """
        if stage not in STAGES:
            raise StudyError(f"{self.paths.root}: expected a stage ({', '.join(STAGES)}), found {stage!r}. Correct it.")
        path = self.path(StudyFile(stage, MANIFEST_NAME, holds="what the stage read and wrote"), day)
        return read_manifest(path.parent)

    def _checked(self, day: SupportsIndex, *, n_days: int) -> int:
        number = operator.index(day)
        if not 0 <= number < n_days:
            raise StudyError(
                f"{self.paths.root}: expected a day from 0 to {n_days - 1}, found {number}. "
                f"The protocol has {self.protocol.days} days, counted from 0."
            )
        return number

    def _why_missing(self, path: Path, day: int) -> str:
        if path.parent == self.paths.folder("queue", self.protocol.days - 1):
            return f"found that day {day} is the last one: there is no day to queue images for. Ask for an earlier one."
        return (
            f"found that day {day} has not come as far. "
            f"Run `closedloop run {quoted(self.paths.root)}`: it goes on, or says what it waits for."
        )

    def _check(self, path: Path) -> None:
        names = {True: "simulated", False: "real"}
        manifest = read_manifest(path.parent)
        if manifest.simulated != self.study.simulated:
            raise StudyError(
                f"{path.parent}: expected {names[self.study.simulated]} data as in study.json, "
                f"found {names[manifest.simulated]} data. Move the foreign folder out of the study."
            )
        entry = manifest.outputs.get(path.name)
        if entry is None or not path.is_file():  # a file that is missing is said by whoever reads it
            return
        n_bytes = path.stat().st_size
        if n_bytes != entry.n_bytes and read_manifest(path.parent) == manifest:  # else it was published meanwhile
            raise StudyError(
                f"{path}: expected the {entry.n_bytes} bytes that {MANIFEST_NAME} beside it promises, "
                f"found {n_bytes}: it is damaged. {way_back(path.parent, simulated=manifest.simulated)}"
            )

    def _manifests(self, day: SupportsIndex, files: tuple[StudyFile, ...]) -> list[Manifest]:
        return [read_manifest(self.path(file, day).parent) for file in files]

    def _check_generation(self, day: SupportsIndex, last: Manifest, *earlier: Manifest) -> None:
        for manifest in earlier:
            folder = self.paths.relative(self.paths.folder(manifest.stage, operator.index(day)))
            published = {f"{folder}/{name}": entry.sha256 for name, entry in manifest.outputs.items()}
            if {name: digest for name, digest in last.inputs.items() if name.startswith(f"{folder}/")} != published:
                raise self._made_again(day, last.stage, of=f"{folder} of another run")

    def _made_again(
        self, day: SupportsIndex, stage: str, *, of: str = "files that change while they are read"
    ) -> StudyError:
        return StudyError(
            f"{self.paths.folder(stage, operator.index(day))}: expected files of one run, found {of}: the day is being "
            f"made again, or is stale. Run `closedloop run {quoted(self.paths.root)}`, or read again when it is done."
        )


def published_files(root: Path) -> PublishedFiles:
    """Open a study's folder to read from it.

    Raises
    ------
    StudyError
        The folder is no study.
    DocumentError
        study.json or protocol.yaml is missing or damaged.
    """
    paths = StudyPaths(root)
    if not paths.study.is_file():
        raise StudyError(f"{root}: expected a study folder, found no study.json. Correct the path.")
    return PublishedFiles(paths, StudyDocument.read(paths.study), read_protocol(paths.protocol))


def differ(path: Path, expected: str, found: str) -> DocumentError:
    """Return the error of a file that does not fit those it lies with or was made from.

    Parameters
    ----------
    path
        The file.
    expected, found
        In a few words.
    """
    return DocumentError(f"{path}: expected {expected}, found {found}. Restore the files of one run.")


def _has_published(file: StudyFile, place: Path) -> bool:
    return _is_published(place) and (not file.optional or place.name in read_manifest(place.parent).outputs)


def _is_published(path: Path) -> bool:
    return (path.parent / MANIFEST_NAME).is_file()


def in_words_of_parts(left_out: Mapping[LeftOutOf, NDArray[np.bool_]], *, axis: int) -> NDArray[np.str_]:
    """Return in words what each row or column of responses is left out of as a whole; empty where it is not.

    Parameters
    ----------
    left_out
        By part which responses are, (n_presentations, n_sites).
    axis
        Over which all have to be: 1 for a word of each presentation, 0 for one of each site.
    """
    rows = zip(*(np.all(is_out, axis=axis).tolist() for is_out in left_out.values()), strict=True)
    words = [" and ".join(part for part, out in zip(left_out, row, strict=True) if out) for row in rows]
    return np.array(words, dtype=np.str_)
