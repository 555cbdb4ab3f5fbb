"""The loop on a recorder with two processors that pause, reset, start with a stub and break off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.day.responses import ONSETS, RESPONSE_COUNTS, RESPONSES, SPIKES, SiteTable
from closedloop.artifacts.tables import read_table
from tests.loop.studies import closedloop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROTOCOL = Path(__file__).with_name("two_processors.yaml")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("two") / "study"
    finished = closedloop("dry-run", path, "--protocol", PROTOCOL)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return path


def quality(study: Path, day: int) -> IngestQuality:
    return IngestQuality.read(study / f"day-{day:02d}" / "ingest" / "quality.json")


def test_what_one_processor_lost_the_other_still_has(study: Path) -> None:
    found = quality(study, 0)
    first, second = found.devices
    assert found.n_used == found.n_presented, "no moment was lost on both"
    assert (first.n_epochs, first.n_stretches) == (2, 2)
    assert (second.n_epochs, second.n_stretches) == (2, 3)
    assert second.n_used < first.n_used <= found.n_presented
    for device in (first, second):
        assert device.n_used + sum(device.set_aside.values()) == found.n_presented
    assert second.light_from == first.name


def test_counts_are_unknown_exactly_where_a_processor_cannot_answer(study: Path) -> None:
    folder = study / "day-00" / "ingest"
    counts = read_arrays(folder / "responses.h5", RESPONSE_COUNTS)["counts"]
    onsets = read_arrays(folder / "onsets.h5", ONSETS)
    table = read_table(folder / "responses.parquet", RESPONSES)
    accepted = ~np.char.startswith(table["reason"].astype(str), "rejected")
    for device, columns in ((0, slice(0, 4)), (1, slice(4, 8))):
        known = np.isfinite(counts[:, columns])
        assert (known.all(axis=1) == known.any(axis=1)).all()
        np.testing.assert_array_equal(known[:, 0], accepted & np.isfinite(onsets["tick"][device]))
    partly = table["used"] & (table["reason"].astype(str) != "")
    assert partly.sum() == sum(sum(device.set_aside.values()) for device in quality(study, 0).devices)


def test_a_broken_file_and_a_stub_are_said_and_cost_no_day(study: Path) -> None:
    found = quality(study, 1)
    first, second = found.devices
    assert [repair.split(":")[0] for repair in first.repairs] == ["array1.ns6"]
    assert first.remarks[0].startswith("array1.ns6 ends")
    assert first.n_used == found.n_presented  # counted in the .nev, which goes on
    assert (second.n_used, second.n_epochs) == (found.n_presented, 2)


def test_sites_of_both_processors_keep_their_names_over_the_days(study: Path) -> None:
    tables = [SiteTable.read(study / f"day-{day:02d}" / "ingest" / "sites.json") for day in (0, 1)]
    names = [[site.neuroid_id for site in table.sites] for table in tables]
    assert names[0] == names[1] == [f"array{array}-{number:03d}" for array in (1, 2) for number in (1, 2, 3, 4)]
    assert [site.neuroid_id for site in tables[0].chosen()] == [site.neuroid_id for site in tables[1].chosen()]
    assert (quality(study, 1).sites_new, quality(study, 1).sites_missing) == ((), ())


def test_each_processors_spikes_lie_on_its_own_clock_in_order(study: Path) -> None:
    for name in ("spikes.h5", "spikes-2.h5"):
        spikes = read_arrays(study / "day-00" / "ingest" / name, SPIKES)
        moments = list(zip(spikes["epoch"].tolist(), spikes["tick"].tolist(), strict=True))
        assert moments == sorted(moments)
        assert {epoch for epoch, _ in moments} == {0, 1}
        assert (np.diff(spikes["time_s"]) >= 0).all()
