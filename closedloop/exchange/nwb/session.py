"""A session of a study, as its file is made from it: documents and tables that were published, and the recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.access.files import PublishedFiles, in_words_of_parts
from closedloop.artifacts import catalog
from closedloop.artifacts.amended.closing import closed_day
from closedloop.artifacts.amended.exclusions import PARTS, said_of_all
from closedloop.artifacts.arrays import Arrays
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import JournalRow, LaunchOpened, Presentation
from closedloop.artifacts.day.responses import SiteTable
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, read_manifest
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.metadata import ImplantedArray, StudyMetadata
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import STAGES
from closedloop.artifacts.tables import Columns
from closedloop.devices.device import Device
from closedloop.errors import DocumentError
from closedloop.exchange.nwb.clock import ClockOnsets, RigTimes, SessionClock, session_clock, session_start
from closedloop.plain_text.printed import capitalized

SIMULATED = "SIMULATED: no animal was recorded. "


@dataclass(frozen=True)
class ExportedSession:
    """A session that becomes a file.

    Attributes
    ----------
    files
        The study, seen from the session.
    block
        Which session.
    devices
        What was recorded, by processor.
    metadata
        Animal, arrays and people.
    truth
        Whether a simulation's hidden truth goes into the file.
    """

    files: PublishedFiles
    block: Block
    devices: tuple[Device, ...]
    metadata: StudyMetadata
    truth: bool = False

    @property
    def simulated(self) -> bool:
        """Whether the animal is a simulated one."""
        return self.files.study.simulated

    def array_of(self, processor: int) -> ImplantedArray:
        """Return the array that is wired to a processor: they are told in the order of the processors' numbers.

        Raises
        ------
        DocumentError
            Of so many arrays nothing is told.
        """
        arrays = self.metadata.arrays
        if len(arrays) == 1 and len({site.processor for site in self.sites.sites}) == 1:
            return arrays[0]
        if processor > len(arrays):
            raise DocumentError(
                f"{self.files.paths.root}: expected region and hemisphere of each array, found those of {len(arrays)} "
                f"and a recording of processor {processor}. Add it to `arrays` in metadata.json, or to the file of "
                "--subject."
            )
        return arrays[processor - 1]

    def manifests(self) -> Iterator[tuple[Path, Manifest]]:
        """Yield the folders of the session that are published, each with its manifest."""
        for stage in STAGES:
            folder = self.files.paths.folder(stage, self.block.day)
            if (folder / MANIFEST_NAME).is_file():
                yield folder, read_manifest(folder)

    @cached_property
    def document(self) -> SessionDocument:
        """What the rig was given."""
        return self.files.read(catalog.SESSION, self.block.day)

    @cached_property
    def journal(self) -> Journal:
        """What the rig did."""
        return self.files.read(catalog.JOURNAL, self.block.day)

    @cached_property
    def presentations(self) -> tuple[Presentation, ...]:
        """What was shown, a row of `responses` each."""
        return self.journal.presentations

    @cached_property
    def responses(self) -> Columns:
        """Every presentation, used or set aside."""
        return self.files.read(catalog.RESPONSES, self.block.day)

    @cached_property
    def counts(self) -> Arrays:
        """Spikes of every presentation and electrode."""
        return self.files.read(catalog.COUNTS, self.block.day)

    @cached_property
    def sites(self) -> SiteTable:
        """The electrodes."""
        return self.files.read(catalog.SITES, self.block.day)

    @cached_property
    def stimuli(self) -> Columns:
        """The images, with the sealed signs."""
        return self.files.read(catalog.STIMULI, self.block.day)

    @cached_property
    def left_out(self) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
        """What people left each presentation, and each electrode of the counts, out of as a whole; empty: nothing."""
        ordinals = np.array([one.ordinal for one in self.presentations], dtype=np.int64)
        names = [site.neuroid_id for site in self.sites.sites[: self.counts["counts"].shape[1]]]
        found = {part: self.files.is_left_out(part, self.block.day, ordinals, names) for part in PARTS}
        return in_words_of_parts(found, axis=1), in_words_of_parts(found, axis=0)

    @property
    def said_of_its_end(self) -> str | None:
        """How much of it was shown, where people closed it early; None where it was not."""
        closed = closed_day(read_amendments(self.files.paths.amendments), self.block)
        return f"{capitalized(closed.said)}." if closed else None

    @property
    def said_of_left_out(self) -> tuple[str, ...]:
        """What people left out of the fit or the evaluation of the session, a line each."""
        return said_of_all(thing for part in PARTS for thing in self.files.left_out_of(part, self.block.day))

    @cached_property
    def clock(self) -> SessionClock:
        """The session's one axis of time."""
        return session_clock(self.devices, self._onsets, self._rig)

    @cached_property
    def onset_s(self) -> NDArray[np.float64]:
        """When each presentation came on, on that axis, (n_presentations,); NaN where nobody knows."""
        return self.clock.onsets(self._onsets)

    @cached_property
    def started(self) -> datetime | None:
        """When the axis begins: by the recorder's files, else by the rig's clock; None where neither has a date."""
        return session_start(self.devices, self.clock) or self._started_by_rig()

    @cached_property
    def _onsets(self) -> tuple[ClockOnsets, ...]:
        if not self.files.has(catalog.ONSETS, self.block.day):
            return self._onsets_of_one
        found = self.files.read(catalog.ONSETS, self.block.day)
        return tuple(
            ClockOnsets(int(processor), found["epoch"][place].astype(np.int64), found["tick"][place])
            for place, processor in enumerate(found["processor"])
        )

    @property
    def _onsets_of_one(self) -> tuple[ClockOnsets, ...]:
        """Return the onsets of version 0.1, which knew one processor and wrote seconds of its first run alone."""
        device = self.devices[0]
        tick = self.responses["onset_s"] * device.tick_hz
        return (ClockOnsets(device.processor, np.zeros(len(tick), np.int64), tick),)

    @cached_property
    def _rig(self) -> RigTimes:
        shown = [(launch, row.onset_s) for launch, row in self.rows_by_launch() if isinstance(row, Presentation)]
        return RigTimes(np.array([launch for launch, _ in shown], np.int64), np.array([time for _, time in shown]))

    def rows_by_launch(self) -> Iterator[tuple[int, JournalRow]]:
        """Yield the journal's rows, each with the number of the rig's clock that it is timed by, from 0."""
        launch = -1
        for row in self.journal.rows:
            if isinstance(row, LaunchOpened):
                launch += row.clock == "real" or launch < 0  # a virtual clock goes on where the launch before stopped
            yield launch, row

    def rig_seconds(self, launch: int, time_s: float) -> float:
        """Return a moment of the rig's clock on the axis, by the presentations around it; NaN without any.

        Parameters
        ----------
        launch
            Number of the rig's clock, from 0.
        time_s
            The moment.
        """
        here, offset = self._offsets_of_launch.get(launch, (np.zeros(0), np.zeros(0)))
        return time_s + float(np.interp(time_s, here, offset)) if len(here) else float("nan")

    @cached_property
    def _offsets_of_launch(self) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        known = np.isfinite(self.onset_s)
        own = {int(launch): known & (self._rig.launch == launch) for launch in np.unique(self._rig.launch)}
        times = self._rig.onset_s
        return {launch: (times[rows], self.onset_s[rows] - times[rows]) for launch, rows in own.items()}

    def _started_by_rig(self) -> datetime | None:
        first = self.journal.launches[0]
        opened_s = self.rig_seconds(0, first.time_s)
        if first.utc is None or not np.isfinite(opened_s):
            return None
        return datetime.fromisoformat(first.utc) - timedelta(seconds=opened_s)
