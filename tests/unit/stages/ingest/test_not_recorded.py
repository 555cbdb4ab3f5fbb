"""What was not recorded is unknown, never no spikes: files that end early, gaps, electrodes in one file alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.journal_rows import Presentation, TrialStarted
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.day.responses import RESPONSE_COUNTS, RESPONSES, SiteTable
from closedloop.artifacts.study import ArrayFiles
from closedloop.artifacts.tables import Columns, read_table
from closedloop.blackrock.nev.header import NevElectrode, read_nev_header
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.errors import AlignmentError, RecordingError
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.stages.context import StageContext
from closedloop.stages.ingest.run import run
from tests.unit.messages import refused
from tests.unit.stages.ingest.recorded_days import (
    LEAD_S,
    SHOWN,
    TICK_HZ,
    WrittenDay,
    ingest_context,
    journal_rows,
    onset_s,
    write_day,
)

STOP_S = LEAD_S + len(SHOWN) / 6 * 2.0 + 1.5
START = datetime(2024, 5, 6, tzinfo=UTC)
PTP_ORIGIN = 1_714_953_600_000_000_000  # START, nanoseconds since 1970
ELECTRODES = (1, 2, 3, 4)
NEV_ENDS = "the recorder's spikes (NEV) end before it"


@dataclass(frozen=True)
class Recorded:
    """What a recorder left: spikes at random, codes, and voltage with a dip at each spike.

    Attributes
    ----------
    stem
        Of its files.
    nev_share
        Part of the .nev's packets that was copied.
    hole_s
        From when to when, recorder's seconds, its packets were lost.
    ns6, ns5
        Electrodes of these files, and when they end; no file without any.
    contacts, rate_hz
        Electrodes of the .nev, and spikes a second on each.
    has_codes, ptp
        Whether the digital lines are its own; whether it counts nanoseconds.
    """

    stem: str = "array1"
    nev_share: float = 1.0
    hole_s: tuple[float, float] = (0.0, 0.0)
    ns6: tuple[int, ...] = (1,)
    ns6_stop_s: float = STOP_S
    ns5: tuple[int, ...] = ()
    ns5_stop_s: float = STOP_S
    contacts: tuple[int, ...] = ELECTRODES
    rate_hz: float = 50.0
    has_codes: bool = True
    ptp: bool = False

    @property
    def specification(self) -> str:
        """Of all files."""
        return "3.0-ptp" if self.ptp else "2.3"

    def ticks(self, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what the clock reads at samples of 1/30000 s."""
        return PTP_ORIGIN + (sample * 1_000_000_000) // TICK_HZ if self.ptp else sample


@dataclass(frozen=True)
class Answer:
    """What ingest left: counts, the table of presentations, sites and the quality report."""

    counts: NDArray[np.float64]
    table: Columns
    sites: SiteTable
    quality: IngestQuality

    @property
    def remarks(self) -> str:
        """Everything that is said of the first device's files."""
        return "; ".join(self.quality.devices[0].remarks)


def day(root: Path, *, max_missing_fraction: float = 0.6, **recording: Any) -> StageContext:
    """Return the surroundings of ingest; any electrode will do as a site."""
    made = ingest_context(root, max_missing_fraction=max_missing_fraction, **recording)
    sites = made.protocol.sites.model_copy(update={"min_reliability": -1.0})
    return replace(made, protocol=made.protocol.model_copy(update={"sites": sites}))


def answer(made: StageContext, *recorded: Recorded, afterwards: Callable[[Path], None] = lambda folder: None) -> Answer:
    """Write the day with these recordings, do something to the folder, and ingest it."""
    write_day(made, WrittenDay(()))
    made.path(catalog.EVENTS).unlink()
    for one in recorded:
        write(made.published("recording"), one)
    afterwards(made.published("recording"))
    run(made)
    return Answer(
        read_arrays(made.output(catalog.COUNTS), RESPONSE_COUNTS)["counts"],
        read_table(made.output(catalog.RESPONSES), RESPONSES),
        SiteTable.read(made.output(catalog.SITES)),
        IngestQuality.read(made.output(catalog.QUALITY)),
    )


def write(folder: Path, recorded: Recorded) -> None:
    """Write a recorder's files."""
    _write_nev(folder / f"{recorded.stem}.nev", recorded)
    for suffix, electrodes, stop_s in (
        (".ns6", recorded.ns6, recorded.ns6_stop_s),
        (".ns5", recorded.ns5, recorded.ns5_stop_s),
    ):
        n = int(stop_s * TICK_HZ)
        volts = np.random.default_rng(0).normal(0, 40, (n, len(electrodes))).astype(np.int16)
        spike, spike_electrode = _spikes(recorded)
        for column, electrode in enumerate(electrodes):
            own = spike[(spike_electrode == electrode) & (spike < n - 6)]
            volts[own[:, None] + np.arange(6), column] -= 600
        first = recorded.ticks(np.arange(n)) if recorded.ptp else 0
        if electrodes:
            write_nsx(
                folder / f"{recorded.stem}{suffix}",
                [NsxChannel(number, f"elec{number}") for number in electrodes],
                rate_hz=TICK_HZ,
                specification=recorded.specification,
                chunks=[(first, volts)],
                start=START,
            )


def _write_nev(file: Path, recorded: Recorded) -> None:
    spike, electrode = _spikes(recorded)
    code, value = _codes() if recorded.has_codes else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    hole = [int(second * TICK_HZ) for second in recorded.hole_s]
    heard, had = ((sample < hole[0]) | (sample >= hole[1]) for sample in (spike, code))
    batch = NevBatch(
        spike_tick=recorded.ticks(spike[heard]),
        spike_electrode=electrode[heard],
        code_tick=recorded.ticks(code[had]),
        code_value=value[had],
    )
    contacts = [NevElectrode(number, f"elec{number}") for number in recorded.contacts]
    specification, program = recorded.specification, SIMULATED_APPLICATION
    write_nev(file, contacts, specification=specification, batches=[batch], start=START, application=program)
    if recorded.nev_share < 1:
        header = read_nev_header(file)
        with file.open("rb+") as stream:
            stream.truncate(header.header_bytes + int(header.n_packets * recorded.nev_share) * header.packet_bytes + 3)


def _spikes(recorded: Recorded) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    random = np.random.default_rng(1)
    n_spikes = int(recorded.rate_hz * STOP_S) * len(recorded.contacts)
    spike = np.sort(random.integers(0, int(STOP_S * TICK_HZ), n_spikes))
    return spike, random.choice(recorded.contacts or (1,), n_spikes)


def _codes() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows = [row for row in journal_rows() if isinstance(row, Presentation | TrialStarted)]
    time_s = np.array([row.onset_s if isinstance(row, Presentation) else row.time_s for row in rows])
    return np.rint((time_s + LEAD_S) * TICK_HZ).astype(np.int64), np.array([row.code for row in rows])


def window_ends_s() -> NDArray[np.float64]:
    """Return when each presentation's window ends, recorder's seconds."""
    return np.array([LEAD_S + onset_s(n) + 0.17 for n in range(len(SHOWN))])


def test_a_whole_recording_is_used_without_a_word(tmp_path: Path) -> None:
    found = answer(day(tmp_path), Recorded())
    assert np.isfinite(found.counts).all()
    assert (found.quality.n_used, found.quality.set_aside, found.remarks) == (len(SHOWN), {}, "")
    assert b"remarks" not in found.quality.to_bytes()


def test_a_nev_that_was_cut_off_beside_whole_voltage_gives_no_zeros(tmp_path: Path) -> None:
    found = answer(day(tmp_path), Recorded(nev_share=0.7))
    ends_s = window_ends_s()
    before, after = ends_s < 0.7 * STOP_S - 0.3, ends_s > 0.7 * STOP_S + 0.3
    assert np.isfinite(found.counts[before]).all()
    assert np.isnan(found.counts[after]).all()
    assert (found.table["reason"][before] == "").all()
    assert (found.table["reason"][after] == NEV_ENDS).all()
    assert found.quality.set_aside == {NEV_ENDS: len(SHOWN) - found.quality.n_used}
    assert "array1.nev ends 6." in found.remarks
    assert "before array1.ns6" in found.remarks
    assert "spikes (NEV) end 6." in found.remarks
    assert "the last 14 of the rig's 56 digital codes are not in the recording" in found.remarks


def test_a_nev_that_was_cut_off_is_refused_where_the_protocol_allows_less(tmp_path: Path) -> None:
    made = day(tmp_path, max_missing_fraction=0.1)
    with refused(AlignmentError, made.published("recording"), "at most 10%", NEV_ENDS):
        answer(made, Recorded(nev_share=0.7))


def test_spikes_and_codes_that_were_lost_in_the_middle_are_a_gap(tmp_path: Path) -> None:
    found = answer(day(tmp_path), Recorded(hole_s=(8.0, 11.0)))
    ends_s = window_ends_s()
    inside = (ends_s > 8.05) & (ends_s < 11.2)
    clear = (ends_s < 7.9) | (ends_s > 11.4)
    assert np.isnan(found.counts[inside]).all()
    assert np.isfinite(found.counts[clear]).all()
    assert set(found.table["reason"][inside].tolist()) == {"touches a gap of the recorder's spikes (NEV)"}
    assert "1 gap, 3.0 s without one on any electrode" in found.remarks


def test_a_damaged_middle_of_a_nev_is_a_gap(tmp_path: Path) -> None:
    made = day(tmp_path)
    write_day(made, WrittenDay(()))
    made.path(catalog.EVENTS).unlink()
    write(made.published("recording"), Recorded())
    file = made.published("recording") / "array1.nev"
    header = read_nev_header(file)
    first, n = header.header_bytes + int(0.4 * header.n_packets) * header.packet_bytes, int(0.15 * header.n_packets)
    with file.open("rb+") as stream:
        stream.seek(first)
        stream.write(bytes(n * header.packet_bytes))
    run(made)
    counts = read_arrays(made.output(catalog.COUNTS), RESPONSE_COUNTS)["counts"]
    ends_s = window_ends_s()
    inside = (ends_s > 0.4 * STOP_S + 0.3) & (ends_s < 0.55 * STOP_S - 0.1)
    assert np.count_nonzero(inside) >= 3
    assert np.isnan(counts[inside]).all()
    assert np.isfinite(counts[ends_s < 0.4 * STOP_S - 0.4]).all()


def test_a_nev_goes_on_where_the_voltage_beside_it_was_cut_off(tmp_path: Path) -> None:
    found = answer(day(tmp_path), Recorded(ns6_stop_s=0.7 * STOP_S))
    assert np.isfinite(found.counts).all()
    assert "array1.ns6 ends 6.1 s before array1.nev" in found.remarks


def test_voltage_that_was_cut_off_bounds_what_is_counted_in_it(tmp_path: Path) -> None:
    made = day(tmp_path, spikes_from="raw", detection="dicarlo")
    found = answer(made, Recorded(ns6=(1, 2), ns6_stop_s=0.7 * STOP_S))
    after = window_ends_s() > 0.7 * STOP_S
    np.testing.assert_array_equal(np.isnan(found.counts), np.repeat(after[:, None], 2, axis=1))
    assert "array1.ns6 ends 6.1 s before array1.nev" in found.remarks


def test_a_nev_that_was_cut_off_does_not_bound_what_is_counted_in_voltage(tmp_path: Path) -> None:
    found = answer(day(tmp_path, spikes_from="raw", detection="dicarlo"), Recorded(nev_share=0.7, ns6=(1, 2)))
    assert np.isfinite(found.counts).all()
    assert "the last 14 of the rig's 56 digital codes are not in the recording" in found.remarks
    for row in found.quality.raw_agreement:  # compared where both recorded
        assert row.n_offline < 0.8 * len(SHOWN) / 6 * 2 * 1000


def test_an_electrode_in_a_file_that_ends_earlier_is_unknown_from_there_on(tmp_path: Path) -> None:
    made = day(tmp_path, spikes_from="raw", detection="dicarlo")
    found = answer(made, Recorded(ns6=(1, 2), ns5=(3, 4), ns5_stop_s=12.0))
    after = window_ends_s() > 12.0
    assert np.isfinite(found.counts[:, :2]).all()
    np.testing.assert_array_equal(np.isnan(found.counts[:, 2:]), np.repeat(after[:, None], 2, axis=1))
    reason = "2 of 4 electrodes: the voltage ends before it"
    assert found.table["used"].all()
    assert (found.table["reason"][after] == reason).all()
    assert found.quality.devices[0].used_in_part == {reason: np.count_nonzero(after)}


def test_a_nev_without_spikes_is_no_silent_animal(tmp_path: Path) -> None:
    made = day(tmp_path)
    with refused(AlignmentError, made.published("recording"), "the recorder found no spike on any electrode"):
        answer(made, Recorded(rate_hz=0.0))


def gemini(**of_hubs: Any) -> tuple[Recorded, ...]:
    """Return an NSP with the rig's digital lines and two hubs with the electrodes, all on one clock."""
    hubs = (Recorded(stem=f"Hub{n}-20240506-000000-001", has_codes=False, ptp=True, **of_hubs) for n in (1, 2))
    return (Recorded(stem="NSP-20240506-000000-001", contacts=(), ns6=(), rate_hz=0.0, ptp=True), *hubs)


def test_codes_at_the_nsp_serve_the_voltage_at_two_hubs(tmp_path: Path) -> None:
    found = answer(day(tmp_path), *gemini())
    assert np.isfinite(found.counts).all()
    assert found.counts.shape == (len(SHOWN), 8)
    assert [site.neuroid_id for site in found.sites.sites][::4] == ["array1-001", "array2-001"]
    nsp, *hubs = found.quality.devices
    assert (nsp.processor, nsp.n_electrodes, nsp.set_aside, nsp.remarks) == (0, 0, {}, ())
    for hub in hubs:
        assert (hub.codes_matched, hub.codes_lost, hub.n_used) == (56, 0, len(SHOWN))
        assert hub.remarks == (f"its digital codes are those that {nsp.name} received by the same PTP clock",)
    assert (found.table["reason"] == "").all()


def test_codes_of_a_clock_of_its_own_serve_no_one(tmp_path: Path) -> None:
    made = day(tmp_path)
    with refused(AlignmentError, "array2", "expected codes to align"):
        answer(made, Recorded(), Recorded(stem="array2", has_codes=False))


def test_files_that_only_the_study_can_tell_apart_are_the_arrays_that_it_names(tmp_path: Path) -> None:
    made = day(tmp_path)
    stems = ("right_day", "left_day")
    with refused(RecordingError, made.published("recording"), "left_day and right_day", "at the same time"):
        answer(made, *(Recorded(stem=stem) for stem in stems))
    named = tuple(ArrayFiles(name=name, files=f"{name.upper()}*") for name in ("right", "left"))
    made = replace(made, study=made.study.model_copy(update={"array_files": named}))
    run(made)
    quality = IngestQuality.read(made.output(catalog.QUALITY))
    assert [(one.processor, one.name) for one in quality.devices] == [(1, "right_day"), (2, "left_day")]


def test_a_study_that_began_with_a_number_of_electrodes_for_a_processor_goes_on(tmp_path: Path) -> None:
    made = day(tmp_path)
    found = answer(made, Recorded(stem="Utah array 96 day0"))
    assert found.sites.sites[0].neuroid_id == "array1-001"
    of_version_0_1 = tuple(
        site.model_copy(update={"processor": 96, "neuroid_id": f"array96-{site.electrode_id:03d}"})
        for site in found.sites.sites
    )
    found.sites.model_copy(update={"sites": of_version_0_1}).write(catalog.SITES.published(made.paths, 0))
    found = answer(next_day(made), Recorded(stem="Utah array 96 day1"))
    assert [site.neuroid_id for site in found.sites.sites] == [site.neuroid_id for site in of_version_0_1]


def next_day(made: StageContext) -> StageContext:
    """Return the surroundings of day 1, with what day 0's ingest left; its sites, where a test wrote others, stay."""
    published = made.paths.folder("ingest", 0)
    for file in made.working.iterdir():
        if file.is_file() and not (published / file.name).exists():
            shutil.copy(file, published / file.name)
    later = replace(made, day=1, working=made.paths.working("ingest", 1))
    later.working.mkdir(parents=True)
    return later


def test_a_date_in_the_names_of_two_days_keeps_the_sites(tmp_path: Path) -> None:
    made = day(tmp_path)
    first = answer(made, Recorded(stem="NSP-20240829-083550-001"))
    first.sites.write(catalog.SITES.published(made.paths, 0))
    second = answer(next_day(made), Recorded(stem="NSP-20240830-091200-001"))
    assert [site.neuroid_id for site in second.sites.sites] == [site.neuroid_id for site in first.sites.sites]
    assert second.sites.chosen()[0].reliability is not None


def test_a_day_without_a_single_site_of_the_model_is_refused(tmp_path: Path) -> None:
    made = day(tmp_path)
    first = answer(made, Recorded())
    first.sites.write(catalog.SITES.published(made.paths, 0))
    later = next_day(made)
    with refused(RecordingError, later.published("recording"), first.sites.chosen()[0].neuroid_id, "found none"):
        answer(later, Recorded(stem="array2"))


def test_voltage_of_another_recording_is_none_of_these_spikes(tmp_path: Path) -> None:
    made = day(tmp_path)
    write_day(made, WrittenDay(()))
    made.path(catalog.EVENTS).unlink()
    write(made.published("recording"), Recorded(contacts=(1, 2), ns6=(1, 2)))
    _write_nev(made.path(catalog.EVENTS), Recorded(contacts=(2, 1)))  # the same spikes on each other's electrodes
    with pytest.raises(RecordingError, match=r"array1: expected threshold crossings of the \.nev in the voltage"):
        run(made)
