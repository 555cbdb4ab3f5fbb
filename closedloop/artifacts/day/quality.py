"""What ingest found in journal and recording (stage `ingest`)."""

from __future__ import annotations

import operator
from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import MOST_SESSIONS


class RawAgreement(Section):
    """How well offline detection on raw voltage finds the recorder's own threshold crossings on one electrode."""

    electrode_id: int
    processor: int = 1
    definition: str
    n_offline: int
    n_nev: int
    recall: float | None = Field(
        description="part of the NEV's crossings with an offline one within the tolerance; null without any"
    )
    precision: float | None = Field(description="part of the offline crossings with one in the NEV; null without any")
    tolerance_ms: float


class ClockRun(Section):
    """One launch of the rig on one segment of a recorder's clock."""

    segment: int
    epoch: int
    n_codes: int
    offset_s: float
    drift_ppm: float
    residual_iqr_ms: float


class DeviceQuality(Section):
    """What ingest found in the files of one processor of the recorder."""

    name: str
    processor: int
    duration_s: float
    n_epochs: int = Field(description="runs of its clock: one more than resets")
    n_stretches: int = Field(description="recorded without a pause")
    n_electrodes: int
    n_spikes: int
    n_used: int
    set_aside: dict[str, int] = Field(description="accepted presentations that it cannot answer for, by reason")
    codes_received: int
    codes_matched: int
    codes_lost: int
    codes_doubled: int
    codes_changed: int
    codes_unmatched: tuple[str, ...]
    clocks: tuple[ClockRun, ...]
    light_from: str | None = Field(description="the device whose photodiode timed the onsets")
    photodiode_lag_median_ms: float | None
    photodiode_lag_iqr_ms: float | None
    n_without_photodiode: int
    repairs: tuple[str, ...] = Field(description="what was wrong with its files and how they were read nevertheless")
    used_in_part: dict[str, int] = Field(
        default={}, exclude_if=operator.not_, description="used presentations without some electrodes, by reason"
    )
    remarks: tuple[str, ...] = Field(
        default=(),
        exclude_if=operator.not_,
        description="files or digital codes that end early, gaps of the recorder's spikes, codes of another processor",
    )


class IngestQuality(Document):
    """quality.json: what ingest found in journal and recording. Nothing is lost in silence."""

    kind: Literal["ingest_quality"] = "ingest_quality"
    day: int
    block: int = Field(
        default=1,
        ge=1,
        le=MOST_SESSIONS,
        exclude_if=lambda number: number == 1,
        description="which of the day's sessions",
    )
    session_id: str
    files: dict[str, str] = Field(description="what each recording file is, in a line")
    spikes_from: str
    n_spikes: int
    duration_s: float
    n_presented: int = Field(description="accepted presentations in the journal")
    n_rejected: int = Field(
        description="presentations the rig itself rejected (breaks, dropped frames), by the journal"
    )
    n_not_recorded: int = Field(
        default=0,
        exclude_if=operator.not_,
        description="of these, the ones shown to their end while nothing is known to have been recorded: their digital "
        "codes are not missed where no file has them",
    )
    n_used: int
    set_aside: dict[str, int] = Field(description="accepted presentations that are not used, by reason")
    about_sites: str = Field(
        default="", exclude_if=operator.not_, description="how the sites were chosen, where not by their reliability"
    )
    codes_sent: int = Field(description="this and the numbers of codes, clock and photodiode are the first device's")
    codes_received: int
    codes_matched: int
    codes_lost: int
    codes_doubled: int
    codes_changed: int = Field(description="matched in time, another value: bits flipped")
    codes_unmatched: tuple[str, ...] = Field(
        description="every code without a partner, its fate first: lost or unplaced (sent, not received), doubled (a "
        "second copy), foreign (received, belongs to nothing sent)"
    )
    clock_offset_s: float
    clock_drift_ppm: float
    clock_residual_iqr_ms: float
    photodiode_lag_median_ms: float | None
    photodiode_lag_iqr_ms: float | None
    n_without_photodiode: int
    twin_separation_median_min: float | None = Field(
        description="between an attacked image and its clean twin, as shown"
    )
    twin_separation_min_min: float | None
    raw_agreement: tuple[RawAgreement, ...]
    reliability_median: float | None = Field(description="over the chosen sites")
    devices: tuple[DeviceQuality, ...] = Field(default=(), description="by processor; empty in files of version 0.1")
    despite: dict[str, str] = Field(
        default={}, description="what makes the session no data of an animal, by name, and who took it and why"
    )
    journal_notes: tuple[str, ...] = Field(
        default=(), description="what the journal cannot vouch for: rigs of version 0.1 wrote less"
    )
    overrides: tuple[str, ...] = Field(default=(), description="checks of the rig that the operator overrode, by name")
    sites_new: tuple[str, ...] = Field(default=(), description="recorded today, not on day 0")
    sites_missing: tuple[str, ...] = Field(default=(), description="recorded on day 0, not today")
