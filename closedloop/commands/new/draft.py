"""What was answered so far, checked, and the experiment that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.metadata import Animal, Hemisphere, ImplantedArray, RigFile, StudyMetadata
from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.study import NsxSuffix
from closedloop.study.first_day.fitting import ProtocolValues, for_days, for_hours, for_screen, parse_changed
from closedloop.study.foresight.numbers import Asked

WHY = "closedloop new: as answered"
"""Stands behind each value of the protocol that an answer changed."""


@dataclass(frozen=True)
class Draft:
    """A study that is being described.

    Attributes
    ----------
    root
        Where it will be.
    source, content, base
        The protocol that it starts from: how it was named, its file, what it says.
    arrays
        As `Request.arrays` takes them; empty where the recorder's description names the devices.
    array_names
        What the arrays are called.
    n_listed
        Images in the folder.
    days, hours, fresh_images
        None: as the protocol says.
    """

    root: Path
    source: str = ""
    content: bytes = b""
    base: Protocol | None = None
    subject: str = ""
    animal: Animal | None = None
    recorder: Path | None = None
    arrays: tuple[str, ...] = ()
    array_names: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    hemispheres: tuple[Hemisphere, ...] = ()
    nsx: tuple[NsxSuffix, ...] = ()
    rig: RigDocument | None = None
    rig_file: RigFile | None = None
    images: Path | None = None
    n_listed: int = 0
    base_model: Path | None = None
    days: int | None = None
    hours: float | None = None
    fresh_images: int | None = None
    experimenters: tuple[str, ...] = ()
    institution: str = ""
    lab: str | None = None

    def changes(self) -> ProtocolValues:
        """Return the protocol's values that answers ask for."""
        base = self._base()
        changes: ProtocolValues = {}
        if self.rig is not None:
            changes |= for_screen(base.presentation, self.rig.subject_screen, side_px=base.images.side_px)
        if self.days is not None:
            changes |= for_days(base, self.days)
        if self.hours is not None:
            changes |= for_hours(self.hours, fresh_images=self.fresh_images)
        return changes

    def protocol(self) -> tuple[bytes, Protocol]:
        """Return the study's protocol, as a file and as what it says.

        Raises
        ------
        ProtocolError
            It would say something impossible.
        """
        return parse_changed(self.content, self.changes(), place=self.source, why=WHY)

    def asked(self, protocol: Protocol) -> Asked:
        """Return what the experiment is to be, as far as numbers go."""
        return Asked(
            protocol,
            self.subject,
            simulated=False,
            n_arrays=max(len(self.array_names), 1),
            n_days=protocol.days,
        )

    def metadata(self) -> StudyMetadata:
        """Return what archives are told of the study."""
        if self.animal is None:
            raise ValueError("expected all questions about the animal answered")
        return StudyMetadata(
            simulated=False,
            animal=self.animal,
            arrays=tuple(
                ImplantedArray(name=name, region=region, hemisphere=hemisphere)
                for name, region, hemisphere in zip(self.array_names, self.regions, self.hemispheres, strict=True)
            ),
            experimenter=self.experimenters,
            institution=self.institution,
            lab=self.lab,
            rig=self.rig_file,
        )

    def _base(self) -> Protocol:
        if self.base is None:
            raise ValueError("expected a protocol first")
        return self.base
