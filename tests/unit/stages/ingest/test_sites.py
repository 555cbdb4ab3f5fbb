"""The day's electrodes: names by map, as on day 0, or by number; which become sites, which appear and vanish."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.day.responses import SiteTable
from closedloop.blackrock.arrays import MappedElectrode
from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.devices.device import read_devices
from closedloop.errors import RecordingError
from closedloop.stages.ingest.recording import DayDevice, DayRecording
from closedloop.stages.ingest.sites import (
    ElectrodeStatistics,
    choose_sites,
    describe_sites,
    named_electrodes,
    new_and_missing,
    read_array_maps,
    sites_of_day_0,
)
from tests.unit.days import site_table
from tests.unit.messages import refused

BATCH = NevBatch(code_tick=np.array([10]), code_value=np.array([1]))


@pytest.fixture
def recording(tmp_path: Path) -> DayRecording:
    """Two processors, both with electrodes 1 and 2."""
    for processor in (1, 2):
        contacts = [NevElectrode(number, f"elec{number}") for number in (1, 2)]
        start = datetime(2024, 5, 6, tzinfo=UTC)
        write_nev(tmp_path / f"nsp{processor}.nev", contacts, specification="2.3", batches=[BATCH], start=start)
    devices = read_devices(sorted(tmp_path.iterdir()))
    return DayRecording(tmp_path, tuple(DayDevice(device, device.electrodes, (), False) for device in devices), "NEV")


def write_map(recording: DayRecording, name: str, *rows: str) -> None:
    (recording.folder / name).write_text("\n".join(["a map", *rows]))


def electrodes(recording: DayRecording, first: SiteTable | None = None) -> tuple[MappedElectrode, ...]:
    return named_electrodes(recording, read_array_maps(recording.folder), first)


def names(recording: DayRecording, first: SiteTable | None = None) -> list[str]:
    return [electrode.neuroid_id for electrode in electrodes(recording, first)]


def test_without_a_map_each_processor_is_an_array(recording: DayRecording) -> None:
    assert names(recording) == ["array1-001", "array1-002", "array2-001", "array2-002"]
    assert [electrode.label for electrode in electrodes(recording)] == ["elec1", "elec2"] * 2


def test_a_map_beside_the_recording_gives_places_and_its_order_the_numbers(recording: DayRecording) -> None:
    write_map(recording, "nsp1.cmp", "4 5 A 2 x2", "0 0 A 1 x1")
    write_map(recording, "nsp2.cmp", "0 0 A 1 y1", "1 0 A 2 y2")
    found = electrodes(recording)
    assert [(one.neuroid_id, one.row, one.column) for one in found] == [
        ("array1-001", 0, 0),
        ("array1-002", 5, 4),
        ("array2-001", 0, 0),
        ("array2-002", 0, 1),
    ]


def test_a_later_day_without_a_map_keeps_the_names_of_day_0(recording: DayRecording) -> None:
    first = site_table(0, index_of={1: 0, 2: None})
    renamed = first.sites[0].model_copy(update={"neuroid_id": "v4-017", "row": 3, "column": 4})
    found = electrodes(recording, first.model_copy(update={"sites": (renamed, first.sites[1])}))
    assert (found[0].neuroid_id, found[0].array, found[0].row) == ("v4-017", "v4", 3)


def test_a_map_that_renames_a_site_is_refused(recording: DayRecording) -> None:
    write_map(recording, "nsp1.cmp", "0 0 A 1 x1", "1 0 A 2 x2")
    first = site_table(0, index_of={1: 0})
    other = first.sites[0].model_copy(update={"neuroid_id": "v4-017"})
    with refused(RecordingError, recording.folder, "to be v4-017 as on day 0, found array1-001"):
        electrodes(recording, first.model_copy(update={"sites": (other,)}))


def test_two_electrodes_of_one_name_are_refused(recording: DayRecording) -> None:
    write_map(recording, "nsp1.cmp", "0 0 A 1 V4-1", "0 0 A 2 IT-1")
    with refused(RecordingError, recording.folder, "two named array2-001"):
        electrodes(recording)


def test_an_electrode_that_the_map_lacks_is_refused(recording: DayRecording) -> None:
    write_map(recording, "nsp2.cmp", "0 0 A 1 x1")
    with refused(RecordingError, recording.folder, "of processor 2", "the first of them electrode 2"):
        electrodes(recording)


def test_sites_that_appear_and_vanish_since_day_0_are_named() -> None:
    first, today = site_table(0, index_of={1: 0, 2: None}), site_table(1, index_of={2: None, 3: None})
    assert new_and_missing(today.sites, first) == (("array1-003",), ("array1-001",))
    assert new_and_missing(today.sites, None) == ((), ())


def choose(recording: DayRecording, *, n_sites: int = 9, min_reliability: float = 0.2) -> dict[str, int]:
    """Choose among four electrodes with reliabilities of .3, .9, none and .5."""
    chosen, said = choose_sites(
        electrodes(recording),
        ElectrodeStatistics(np.array([0.3, 0.9, np.nan, 0.5]), np.full(4, 20.0), np.full(4, 5.0)),
        n_sites=n_sites,
        min_reliability=min_reliability,
        folder=recording.folder,
    )
    assert said == ""
    return chosen


@pytest.mark.parametrize(
    ("reliability", "chosen"),
    [([np.nan] * 4, {"array2-001": 0, "array1-001": 1}), ([0.1, np.nan, 0.4, np.nan], {"array2-001": 0})],
)
def test_on_a_day_that_ended_early_sites_are_what_differs_most_where_none_is_reliable(
    recording: DayRecording, reliability: list[float], chosen: dict[str, int]
) -> None:
    found = ElectrodeStatistics(np.array(reliability), np.full(4, 20.0), np.array([2.0, np.nan, 3.0, 0.0]))
    sites, said = choose_sites(
        electrodes(recording), found, n_sites=9, min_reliability=0.2, folder=recording.folder, ended_early=True
    )
    assert sites == chosen
    assert ("differed most among the images" in said) == bool(np.isnan(reliability).all())


def test_sites_are_the_most_reliable_electrodes_in_that_order(recording: DayRecording) -> None:
    assert choose(recording) == {"array1-002": 0, "array2-002": 1, "array1-001": 2}
    assert choose(recording, n_sites=2) == {"array1-002": 0, "array2-002": 1}
    assert choose(recording, min_reliability=0.5) == {"array1-002": 0, "array2-002": 1}


def test_without_a_reliable_electrode_the_best_is_named(recording: DayRecording) -> None:
    with refused(RecordingError, recording.folder, "at least 0.95, found none (best 0.90)"):
        choose(recording, min_reliability=0.95)


def test_a_chosen_site_that_a_later_day_lacks_stays_at_the_end_without_responses(recording: DayRecording) -> None:
    first = site_table(0, index_of={1: 0, 7: 1, 9: None})
    found = ElectrodeStatistics(np.full(4, 0.5), np.full(4, 20.0), np.full(4, 5.0))
    sites = describe_sites(electrodes(recording, first), found, sites_of_day_0(first), first)
    assert [site.neuroid_id for site in sites] == [*names(recording), "array1-007"]
    assert [site.site_index for site in sites] == [0, None, None, None, 1]
    assert (sites[-1].reliability, sites[-1].mean_rate_hz, sites[-1].sigma_hz) == (None, None, None)
