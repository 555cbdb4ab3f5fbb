"""Which files of the recorder a day has to have: from the study, its protocol and the day recorded before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.devices.files import DeviceFiles, find_devices, is_recording, processor_of

_RAW = frozenset({".ns4", ".ns5", ".ns6"})  # 10 and 30 kHz: slower files hold no spikes


@dataclass(frozen=True)
class WantedFiles:
    """What a day's recording has to have.

    Attributes
    ----------
    arrays
        The arrays' names by their processors' numbers; empty where a single array may be on any processor.
    nsx
        Suffixes that each array's recordings have to have besides the .nev.
    raw
        Whether raw voltage is needed, in whichever file: of each array that the study names, or of any.
    earlier
        By processor, the suffixes of the day recorded before: what was recorded then is looked for now.
    earlier_day
        That day's number, for messages; -1 where there is none.
    patterns
        Of the arrays' files, as `find_devices` takes them.
    """

    arrays: Mapping[int, str]
    nsx: tuple[str, ...] = ()
    raw: bool = False
    earlier: Mapping[int, frozenset[str]] = field(default_factory=dict)
    earlier_day: int = -1
    patterns: tuple[str, ...] = ()

    def missing(self, files: Sequence[Path]) -> str:
        """Return what is not there, by name; empty where all is.

        Parameters
        ----------
        files
            The recorder's files that are there.

        Raises
        ------
        RecordingError
            A file's name fits none of the arrays, or several.
        """
        devices = {device.processor: device for device in find_devices(files, arrays=self.patterns)}
        for processor in sorted({*self.arrays, *self.earlier} - set(devices)):
            name = self.arrays.get(processor, f"processor {processor}")
            why = f"day {self.earlier_day} has it" if processor in self.earlier else f"the study has {self._arrays()}"
            return f"the recording of {name} is not there ({why})"
        fault = next((fault for device in devices.values() if (fault := self._missing_of(device))), "")
        return fault or self._missing_voltage(devices)

    def _missing_voltage(self, devices: Mapping[int, DeviceFiles]) -> str:
        """Look for raw voltage; a processor that no array of the study is wired to may have codes alone."""
        silent = [
            recording.stem
            for processor, device in devices.items()
            if not self.arrays or processor in self.arrays
            for recording in device.recordings
            if not {file.suffix.lower() for file in recording.nsx} & _RAW
        ]
        n_recordings = sum(len(device.recordings) for device in devices.values())
        if not self.raw or not silent or (not self.arrays and len(silent) < n_recordings):
            return ""
        return f"{silent[0]}.ns6 (or .ns5) is not there: the protocol counts spikes from raw voltage"

    def _arrays(self) -> str:
        return f"{len(self.arrays)} arrays: {', '.join(self.arrays.values())}"

    def _missing_of(self, device: DeviceFiles) -> str:
        earlier = self.earlier.get(device.processor, frozenset())
        for recording in device.recordings:
            if recording.nev is None:
                return f"{recording.stem}.nev is not there, whose digital codes align the day"
            present = {file.suffix.lower() for file in recording.nsx}
            for suffix in [one for one in self.nsx if one not in present]:
                return f"{recording.stem}{suffix} is not there, which the study records"
            for suffix in sorted(earlier - present - {".nev"}):
                return f"{recording.stem}{suffix} is not there, and day {self.earlier_day} has one"
        return ""


def wanted_files(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int, excepted: frozenset[Block] = frozenset()
) -> WantedFiles:
    """Return what a day's recording has to have.

    Parameters
    ----------
    paths, study, protocol
        The study. One of version 0.1 names one array whatever it records: the day recorded before tells then.
    day
        Which.
    excepted
        Sessions whose recording was accepted without all of its files: they tell nothing.
    """
    patterns = array_patterns(study)
    earlier_day, earlier = _recorded_before(paths, day, excepted, patterns)
    return WantedFiles(
        arrays=_arrays(study),
        nsx=study.nsx,
        raw=protocol.recording.spikes_from == "raw",
        earlier=earlier,
        earlier_day=earlier_day,
        patterns=patterns,
    )


def array_patterns(study: StudyDocument) -> tuple[str, ...]:
    """Return the patterns of the arrays' files, as `find_devices` takes them; none where the files' names tell."""
    return tuple(one.files for one in study.array_files)


def _arrays(study: StudyDocument) -> dict[int, str]:
    if study.array_files:
        return {number: one.name for number, one in enumerate(study.array_files, start=1)}
    return {processor_of(Path(name)): name for name in study.arrays} if len(study.arrays) > 1 else {}


def _recorded_before(
    paths: StudyPaths, day: int, excepted: frozenset[Block], patterns: tuple[str, ...]
) -> tuple[int, dict[int, frozenset[str]]]:
    own = paths.block(day)
    for block in reversed([one for one in paths.sequence.until(own) if one < own]):
        earlier = block.day
        folder = paths.at(block).folder("recording", earlier)
        if block in excepted or not (folder / MANIFEST_NAME).is_file():
            continue
        names = [Path(name) for name in read_manifest(folder).outputs]
        files = [name for name in names if is_recording(name)]
        if not files:
            continue
        return earlier, {
            device.processor: frozenset.intersection(
                *(frozenset(file.suffix.lower() for file in recording.files) for recording in device.recordings)
            )
            for device in find_devices(files, arrays=patterns)
        }
    return -1, {}
