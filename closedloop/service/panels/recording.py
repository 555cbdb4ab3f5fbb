"""Panel: the recording. Which files came and what is awaited; once it is ingested, codes, clocks, light and losses."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.catalog import JOURNAL, ONSETS, QUALITY, RESPONSES
from closedloop.artifacts.day.quality import DeviceQuality, IngestQuality
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.records.sequence import FIRST, Block, block_of_folder
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.service.charts import Chart, ChartLine
from closedloop.service.reading.recording.arrivals import Arrivals, AwaitedRecording, arrivals
from closedloop.service.reading.recording.onsets import DeviceLatency, latency_of
from closedloop.service.reading.session.places import current_session, look_at_journal, onsets_of_journal, sessions_of
from closedloop.service.unchanged import while_unchanged

NAME = "recording"
TITLE = "Recording"

_REASONS = 8  # why presentations are set aside, that a page lists


@dataclass(frozen=True)
class SetAsideFor:
    """How many accepted presentations are not used, and why."""

    reason: str
    n: int


@dataclass(frozen=True)
class IngestedArray:
    """What ingest found on one array.

    Attributes
    ----------
    drift_ppm, residual_iqr_ms
        Of the rig's clock and the recorder's: how much faster the latter ran, and what is left of each code, of the
        launch with the most codes.
    n_clock_runs
        Launches of the rig on runs of the recorder's clock.
    latency_median_ms, latency_iqr_ms
        Of the light after its code; None without a photodiode.
    """

    name: str
    codes_sent: int
    codes_received: int
    codes_matched: int
    codes_lost: int
    codes_doubled: int
    codes_changed: int
    n_clock_runs: int
    drift_ppm: float | None
    residual_iqr_ms: float | None
    latency_median_ms: float | None
    latency_iqr_ms: float | None
    n_without_photodiode: int
    n_used: int
    set_aside: tuple[SetAsideFor, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class IngestedDay:
    """What ingest found in a day's journal and recording."""

    day: int
    n_presented: int
    n_rejected: int
    n_used: int
    set_aside: tuple[SetAsideFor, ...]
    arrays: tuple[IngestedArray, ...]
    notes: tuple[str, ...] = ()
    block: int = 1

    @property
    def said(self) -> str:
        """What the session is called."""
        return Block(self.day, self.block).said


@dataclass(frozen=True)
class RecordingPanel:
    """The recording of the session that is shown, or was shown last, and what ingest found in the last one.

    Attributes
    ----------
    arrived
        None before there is a session.
    codes_sent
        By the journal so far.
    session_s
        From its first code to its last, seconds.
    ingested
        Of the latest day that is ingested.
    """

    arrived: Arrivals | None = None
    codes_sent: int = 0
    session_s: float = 0.0
    ingested: IngestedDay | None = None
    damaged: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()


def read(paths: StudyPaths) -> RecordingPanel:
    """Return what came of the recording, and what was found in it; at most a few megabytes of it are read."""
    damaged: list[str] = []
    arrived, codes_sent, session_s = _arrived(paths, damaged)
    quality = _latest_quality(paths, damaged)
    return RecordingPanel(
        arrived=arrived,
        codes_sent=codes_sent,
        session_s=session_s,
        ingested=_ingested(quality) if quality else None,
        damaged=tuple(damaged),
        charts=_charts(paths, quality, damaged) if quality else (),
    )


def _arrived(paths: StudyPaths, damaged: list[str]) -> tuple[Arrivals | None, int, float]:
    place = current_session(paths)
    if place is None:
        return None, 0, 0.0
    try:
        study, protocol = _read_study(paths.study), _read_protocol(paths.protocol)
        counts = look_at_journal(place.journal).counts if place.journal else None
        found = arrivals(
            AwaitedRecording(
                paths=paths.at(place.session),
                study=study,
                protocol=protocol,
                day=place.day,
                codes_s=counts.codes_s if counts else 0.0,
                is_ended=counts is not None and counts.doing in ("complete", "stopped"),
                now=time.time(),
            )
        )
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return None, 0, 0.0
    return found, counts.n_codes if counts else 0, counts.codes_s if counts else 0.0


@while_unchanged()
def _read_study(path: Path) -> StudyDocument:
    return StudyDocument.read(path)


@while_unchanged()
def _read_protocol(path: Path) -> Protocol:
    return read_protocol(path)


@while_unchanged()
def _read_quality(path: Path) -> IngestQuality:
    return QUALITY.read(path)


def _latest_quality(paths: StudyPaths, damaged: list[str]) -> IngestQuality | None:
    places = (QUALITY.published(paths.at(one), one.day) for one in sessions_of(paths))
    place = next((file for file in places if file.is_file()), None)
    try:
        return _read_quality(place) if place is not None else None
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return None


def _ingested(quality: IngestQuality) -> IngestedDay:
    arrays = tuple(_array(quality, device) for device in quality.devices)
    return IngestedDay(
        day=quality.day,
        n_presented=quality.n_presented,
        n_rejected=quality.n_rejected,
        n_used=quality.n_used,
        set_aside=_reasons(quality.set_aside),
        arrays=arrays or (_only_array(quality),),
        notes=(*quality.journal_notes, *quality.despite.values()),
        block=quality.block,
    )


def _array(quality: IngestQuality, device: DeviceQuality) -> IngestedArray:
    clock = max(device.clocks, key=lambda run: run.n_codes, default=None)
    return IngestedArray(
        name=device.name,
        codes_sent=quality.codes_sent,
        codes_received=device.codes_received,
        codes_matched=device.codes_matched,
        codes_lost=device.codes_lost,
        codes_doubled=device.codes_doubled,
        codes_changed=device.codes_changed,
        n_clock_runs=len(device.clocks),
        drift_ppm=clock.drift_ppm if clock else None,
        residual_iqr_ms=clock.residual_iqr_ms if clock else None,
        latency_median_ms=device.photodiode_lag_median_ms,
        latency_iqr_ms=device.photodiode_lag_iqr_ms,
        n_without_photodiode=device.n_without_photodiode,
        n_used=device.n_used,
        set_aside=_reasons(device.set_aside),
        remarks=(*device.repairs, *device.remarks),
    )


def _only_array(quality: IngestQuality) -> IngestedArray:
    """Return the one array of a report of version 0.1, which knew no other."""
    return IngestedArray(
        name="array1",
        codes_sent=quality.codes_sent,
        codes_received=quality.codes_received,
        codes_matched=quality.codes_matched,
        codes_lost=quality.codes_lost,
        codes_doubled=quality.codes_doubled,
        codes_changed=quality.codes_changed,
        n_clock_runs=1,
        drift_ppm=quality.clock_drift_ppm,
        residual_iqr_ms=quality.clock_residual_iqr_ms,
        latency_median_ms=quality.photodiode_lag_median_ms,
        latency_iqr_ms=quality.photodiode_lag_iqr_ms,
        n_without_photodiode=quality.n_without_photodiode,
        n_used=quality.n_used,
        set_aside=_reasons(quality.set_aside),
    )


def _reasons(found: dict[str, int]) -> tuple[SetAsideFor, ...]:
    most = sorted(found.items(), key=lambda one: -one[1])
    rest = sum(n for _, n in most[_REASONS:])
    shown = tuple(SetAsideFor(reason.replace("_", " "), n) for reason, n in most[:_REASONS])
    return (*shown, SetAsideFor("other reasons", rest)) if rest else shown


def _ingest_files(quality: Path) -> tuple[Path, ...]:
    return quality, quality.with_name(ONSETS.name), quality.with_name(RESPONSES.name)


@while_unchanged(most=4, files=_ingest_files)
def _latency(quality: Path) -> tuple[DeviceLatency, ...] | str:
    block = block_of_folder(quality.parents[1].name) or FIRST
    paths, day = StudyPaths(quality.parents[2]).at(block), block.day
    try:
        return latency_of(paths, day, onsets_of_journal(JOURNAL.published(paths, day)))
    except (ClosedLoopError, OSError) as error:
        return str(error)


def _charts(paths: StudyPaths, quality: IngestQuality, damaged: list[str]) -> tuple[Chart, ...]:
    found = _latency(QUALITY.published(paths.at(Block(quality.day, quality.block)), quality.day))
    if isinstance(found, str):
        damaged.append(found)
        return ()
    return tuple(
        _latency_chart(place, one, Block(quality.day, quality.block)) for place, one in enumerate(found) if one.bins
    )


def _latency_chart(place: int, latency: DeviceLatency, session: Block) -> Chart:
    bins = latency.bins
    return Chart(
        name=f"latency{place}",
        title=f"Light after its digital code, {session.said}, {latency.name} (median, and where 90 % lie)",
        x_label="presentation",
        y_label="latency (ms)",
        x=tuple(float(one.ordinal) for one in bins),
        lines=(
            ChartLine(
                "median",
                tuple(one.median_ms for one in bins),
                low=tuple(one.low_ms for one in bins),
                high=tuple(one.high_ms for one in bins),
            ),
        ),
    )
