"""Read-only access to a study: what its tables contain, what they leave out, what they say of what is not there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import closedloop
from closedloop import Study
from closedloop.access.columns import DATA_FRAMES
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import DocumentError, StudyError
from closedloop.plain_text.installing import install_command
from closedloop.study.process.lock import study_lock
from tests.unit.access.studies import (
    COUNTS,
    ELECTRODES,
    MISSING_ON_DAY_1,
    N_DAYS,
    ONSETS_S,
    REJECTED,
    SHOWN,
    SITES,
    WINDOW_S,
    Made,
    make_study,
)
from tests.unit.days import pixels

USED = [ordinal != REJECTED for ordinal in range(4)]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return closedloop.open_study(make_study(tmp_path / "study"))


def test_a_study_says_who_it_is_and_that_it_is_simulated(study: Study) -> None:
    assert (study.subject, study.simulated, study.days, study.protocol.days) == ("nobody", True, (0, 1), N_DAYS)
    assert repr(study).startswith("<SIMULATED study of nobody, protocol smoke, 2 of 3 days, in ")


def test_every_table_of_a_simulated_study_is_marked(study: Study) -> None:
    tables = [study.presentations(), study.responses(), study.sites(), study.stimuli(0), study.sensitivity()]
    tables += [study.pairs(0), study.presentations(1), study.onsets(0, SITES[0]).to_frame()]
    assert all(table.attrs["simulated"] is True for table in tables)


def test_a_real_study_is_not_marked(tmp_path: Path) -> None:
    study = closedloop.open_study(make_study(tmp_path / "study", simulated=False))
    assert repr(study).startswith("<Study of nobody")
    assert study.presentations(0).attrs["simulated"] is False


def test_responses_are_rates_of_the_chosen_sites_in_the_model_s_order(study: Study) -> None:
    rates = study.responses(0)
    columns = [ELECTRODES.index(name) for name in SITES]
    assert list(rates.columns) == list(SITES)
    np.testing.assert_array_equal(rates.to_numpy(), COUNTS[:, columns] / WINDOW_S)
    np.testing.assert_array_equal(study.responses(0, unit="counts").to_numpy(), COUNTS[:, columns])
    assert rates.attrs["unit"] == "hz"


def test_a_site_that_a_day_did_not_record_is_a_column_of_nan(study: Study) -> None:
    rates = study.responses(1)
    assert list(rates.columns) == list(SITES)
    assert rates[MISSING_ON_DAY_1].isna().all()
    assert rates["array1-001"].notna().sum() == 3


def test_presentations_and_responses_have_the_same_rows(study: Study) -> None:
    shown, rates = study.presentations(0), study.responses(0)
    assert shown.index.equals(rates.index)
    assert rates[shown["used"]].notna().any(axis=1).all()
    assert rates[~shown["used"]].isna().all(axis=None)


def test_presentations_say_what_was_shown_when_and_why_not_used(study: Study) -> None:
    shown = study.presentations(0)
    assert shown["kind"].tolist() == [("clean", "attacked")[image] for image in SHOWN]
    assert shown["attacked_site"].tolist() == [("", SITES[1])[image] for image in SHOWN]
    assert shown["rig_onset_s"].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert shown.loc[REJECTED, ["outcome", "used", "reason"]].tolist() == [
        "rejected",
        False,
        "rejected by the rig: fixation_broken",
    ]


def test_every_column_is_described_and_no_other(study: Study) -> None:
    tables = {"presentations": study.presentations(), "stimuli": study.stimuli(), "sites": study.sites()}
    tables |= {"sensitivity": study.sensitivity(truth=True), "pairs": study.pairs(truth=True)}
    tables["population"] = study.population(truth=True)
    tables["objectives"] = study.objectives(truth=True)
    tables |= {"arms": study.arms(truth=True), "foretold": study.foretold()}
    tables |= {"evolution": study.evolution(truth=True), "evolution_gains": study.evolution_gains(truth=True)}
    assert {name: set(table.columns) for name, table in tables.items()} == {
        name: set(columns) for name, (columns, _) in DATA_FRAMES.items()
    }


def test_all_days_stand_below_each_other_by_day(study: Study) -> None:
    rates = study.responses()
    assert rates.index.names == ["day", "ordinal"]
    pd.testing.assert_frame_equal(rates.loc[1], study.responses(1))
    assert study.stimuli().index.names == ["day", "image_index"]
    assert study.sites().index.names == ["day", "neuroid_id"]


def test_the_model_s_sites_come_first_and_the_others_have_no_index(study: Study) -> None:
    sites = study.sites(0)
    assert list(sites.index) == [*SITES, "array1-009"]
    assert sites["site_index"].isna().tolist() == [False, False, False, True]


def test_a_site_that_a_day_did_not_record_has_no_numbers_of_that_day(study: Study) -> None:
    numbers = ["reliability", "mean_rate_hz", "sigma_hz"]
    sites = study.sites(1)
    assert sites.loc[MISSING_ON_DAY_1, numbers].isna().all()
    assert sites.drop(index=MISSING_ON_DAY_1)[numbers].notna().all(axis=None)
    assert study.sites(0).loc[MISSING_ON_DAY_1, numbers].tolist() == [0.5, 20.0, 5.0]


def test_the_hidden_truth_is_left_out_unless_asked_for_by_name(study: Study) -> None:
    assert "true_change" not in study.pairs()
    assert study.pairs(truth=True)["true_change"].tolist() == [0.7]
    assert study.sensitivity()["estimate"].tolist() == ["paper", "vanilla_units"]
    assert study.sensitivity(truth=True)["truth"].tolist() == [False, True, True, True]
    assert study.intervals()["estimate"].tolist() == ["paper"]
    assert study.intervals(truth=True)["truth"].tolist() == [False, True]
    assert study.evaluation(0).attained == ()
    assert study.evaluation(0, truth=True).attained[0].fraction == 0.5
    assert study.evaluation(0).epsilons[0].sign_agreement_true is None
    assert study.evaluation(0, truth=True).epsilons[0].sign_agreement_true == 0.75


def test_slopes_are_measured_of_all_days_and_marked(study: Study) -> None:
    slopes = study.slopes()
    assert slopes[["day", "of", "name", "slope"]].to_numpy().tolist() == [[0, "site", SITES[1], 0.02]]
    assert slopes.attrs == study.pairs().attrs


def test_images_are_found_by_row_and_by_name(study: Study) -> None:
    np.testing.assert_array_equal(study.images(0), pixels(2))
    name = study.stimuli(0).loc[1, "stimulus_id"]
    np.testing.assert_array_equal(study.image(name), pixels(2)[1])
    with pytest.raises(StudyError, match="found 'nonsense'"):
        study.image("nonsense")


def test_a_site_s_spikes_and_onsets_are_on_its_own_processor_s_clock(study: Study) -> None:
    assert study.spikes(0, "array1-001").tolist() == [1.1, 1.2]
    assert study.spikes(0, "array2-001").tolist() == [102.1]
    np.testing.assert_array_equal(study.onsets(0, "array2-001").to_numpy(), np.where(USED, ONSETS_S[1], np.nan))


def test_onsets_of_a_study_of_version_0_1_are_those_of_its_one_processor(study: Study) -> None:
    (study.path / "day-00" / "ingest" / "onsets.h5").unlink()
    np.testing.assert_array_equal(study.onsets(0, "array1-001").to_numpy(), np.where(USED, ONSETS_S[0], np.nan))


def test_spikes_of_what_is_no_site_or_was_not_recorded_are_refused(study: Study) -> None:
    with pytest.raises(StudyError, match=r"expected one of the 3 chosen sites \(array1-001, "):
        study.spikes(0, "array1-009")
    with pytest.raises(StudyError, match="site array1-005 was not recorded on day 1"):
        study.spikes(1, MISSING_ON_DAY_1)


def test_documents_are_read_as_documents(study: Study) -> None:
    assert study.quality(1).sites_missing == (MISSING_ON_DAY_1,)
    assert len(study.journal(0).presentations) == 4
    assert study.manifest(0, "ingest").stage == "ingest"
    with pytest.raises(StudyError, match="found 'dinner'"):
        study.manifest(0, "dinner")


@pytest.mark.parametrize("ask", ["evaluation", "pairs", "fit", "model"])
def test_what_is_not_there_yet_is_said_in_one_line_with_the_remedy(study: Study, ask: str) -> None:
    with pytest.raises(StudyError) as raised:
        getattr(study, ask)(1)
    assert re.search(r"found that day 1 has not come as far. Run `closedloop run .*study`", str(raised.value))
    assert "\n" not in str(raised.value)


def test_the_last_day_has_no_queue_and_never_will(study: Study) -> None:
    with pytest.raises(StudyError, match=r"day-02/queue: .* found that day 2 is the last one"):
        study.manifest(N_DAYS - 1, "queue")
    with pytest.raises(StudyError, match="found that day 1 has not come as far"):
        study.manifest(1, "queue")


def test_a_day_of_an_older_version_says_that_it_has_no_slopes(study: Study) -> None:
    folder = study.path / "day-00" / "evaluate"
    manifest = read_manifest(folder)
    kept = {name: entry for name, entry in manifest.outputs.items() if name != "slopes.parquet"}
    manifest.model_copy(update={"outputs": kept}).write(folder / MANIFEST_NAME)
    (folder / "slopes.parquet").unlink()
    with pytest.raises(StudyError, match=r"evaluated day 0 wrote none\. `closedloop replay`"):
        study.slopes()


def test_a_table_that_was_promised_and_is_not_there_is_missed(study: Study) -> None:
    (study.path / "day-00" / "evaluate" / "slopes.parquet").unlink()
    with pytest.raises(DocumentError, match=r"slopes\.parquet"):
        study.slopes()


def test_what_no_day_has_is_said_of_day_0(study: Study) -> None:
    for folder in study.path.glob("day-*/evaluate"):
        (folder / "manifest.json").unlink()
    with pytest.raises(StudyError, match="day 0 has not come as far"):
        study.sensitivity()


@pytest.mark.parametrize("day", [-1, N_DAYS])
def test_a_day_that_the_protocol_does_not_have_is_refused(study: Study, day: int) -> None:
    with pytest.raises(StudyError, match=f"expected a day from 0 to 2, found {day}. The protocol has 3 days"):
        study.responses(day)


def test_the_last_refit_s_model_has_the_number_after_the_last_day(study: Study) -> None:
    with pytest.raises(StudyError, match=r"day-02/refit: expected model.safetensors"):
        study.model(N_DAYS)


def test_a_day_is_a_whole_number_and_a_unit_one_of_two(study: Study) -> None:
    with pytest.raises(TypeError):
        study.responses(0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='"hz" or "counts"'):
        study.responses(0, unit="spikes")  # type: ignore[arg-type]


def test_real_and_simulated_data_are_never_mixed(study: Study) -> None:
    Made(StudyPaths(study.path), 1, simulated=True).publish("ingest", simulated=False)
    with pytest.raises(StudyError, match=r"day-01/ingest: expected simulated data as in study.json, found real data"):
        study.responses(1)


def test_a_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="expected a study folder, found no study"):
        closedloop.open_study(tmp_path)


def test_reading_writes_nothing_and_needs_no_lock(study: Study) -> None:
    with study_lock(study.path):
        before = {path: path.stat().st_mtime_ns for path in study.path.rglob("*")}
        study.presentations(), study.responses(), study.images(0), study.sensitivity(), study.spikes(0, SITES[0])
        assert {path: path.stat().st_mtime_ns for path in study.path.rglob("*")} == before


def test_without_pandas_the_error_says_how_to_install_it() -> None:
    program = "import sys\nsys.modules['pandas'] = None\nimport closedloop\nclosedloop.open_study"
    finished = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert finished.stderr.splitlines()[-1].endswith(f"Install it: {install_command('lab')}")
