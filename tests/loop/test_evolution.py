"""Images that evolve over the rounds of a day, through a study's real files; killed in between, the same bytes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

import closedloop as library
from closedloop.artifacts import catalog
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.stimulus_set import read_stimulus_set
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.stages.evolution.told import read_told
from closedloop.stimuli.evolution.search import evolve, start_of
from closedloop.study.verification.study import verify_study
from tests.loop.studies import PROTOCOL, closedloop, command, run_once
from tests.loop.test_rounds import killed_in, manifests

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROUNDS = (Block(1), Block(1, 2), Block(1, 3))
N_SITES, N_IMAGES, COMPARED = 2, 6, 3
KILLED_IN = ("day-01/synthesize", "day-01/ingest", "day-01.2/synthesize", "day-01.3/evaluate")


def protocol_of_evolution(folder: Path) -> Path:
    """Write the smallest protocol with a day of three generations."""
    plain = yaml.safe_load(PROTOCOL.read_text())
    plain["rounds"] = len(ROUNDS)
    begin = {"images": N_IMAGES, "components": 8, "parents": 2}
    plain["evolution"] = begin | {"n_sites": N_SITES, "last_spread": 0.5, "compared": COMPARED}
    plain["fit"]["in_rounds"] = "last"
    plain["simulation"]["headroom"] = True
    written = folder / "evolution.yaml"
    written.write_text(yaml.safe_dump(plain))
    return written


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def run(place: Path) -> subprocess.CompletedProcess[str]:
        return closedloop("dry-run", place, "--protocol", protocol_of_evolution(place.parent))

    return run_once(tmp_path_factory, "evolution", run)


def test_each_generation_follows_from_published_files_alone(study: Path) -> None:
    paths = StudyPaths(study)
    sessions = [(one, reader_of(paths.at(one))) for one in (Block(0), *ROUNDS)]
    subject, seed = StudyDocument.read(paths.study).subject, yaml.safe_load(PROTOCOL.read_text())["seed"]
    for number, (block, read) in enumerate(sessions[1:]):
        before = sessions[: 1 + number]
        table, codes = read(catalog.EVOLVED_IMAGES, day=1), read(catalog.EVOLVED_CODES, day=1)["codes"]
        assert catalog.IMAGE_CODE.published(paths.at(block), 1).exists() == (number == 0)
        told = read_told([*before, (block, read)], first_day=1, with_images=[one for one, _ in before[1:]] or [block])
        assert told.code is not None
        for site in dict.fromkeys(table["site_index"].tolist()):
            own = (table["site_index"] == site) & (table["kind"] == "evolved")
            generations = [one for shown in told.shown[:number] if (one := shown.of_site(site)) is not None]
            start = start_of(told.code.encode(told.natural.images), told.natural.spikes[site], n_parents=2)
            found = evolve(
                start,
                generations,
                n_images=N_IMAGES,
                step_size=0.3,
                seed=derive_seed(seed, subject, "evolution", site),
                spread=0.5 if block == ROUNDS[-1] else 1.0,
            )
            np.testing.assert_array_equal(codes[own], found.codes)
            shown = read_stimulus_set(read, 1).images[table["image_index"][own]]
            np.testing.assert_array_equal(shown, told.code.decode(found.codes))


def test_a_days_last_session_alone_compares_and_no_estimate_and_no_fit_knows_them(study: Path) -> None:
    paths, opened = StudyPaths(study), library.open_study(study)
    for block in ROUNDS:
        stimuli = catalog.STIMULI.read(catalog.STIMULI.published(paths.at(block), 1))
        kinds = stimuli["kind"].tolist()
        compared = N_SITES if block == ROUNDS[-1] else 0
        assert [kinds.count(f"evolved{of}") for of in ("", "_mean", "_natural")] == [12, compared, compared]
        natural = stimuli["stimulus_id"][stimuli["kind"] == "evolved_natural"]
        of_day_0 = catalog.STIMULI.read(catalog.STIMULI.published(paths, 0))
        assert set(natural) <= set(of_day_0["stimulus_id"][of_day_0["kind"] == "clean"])
        assert catalog.FIT.read(catalog.FIT.published(paths.at(block), 1)).n_stimuli == (0 if not compared else 60)
    assert not {"evolved", "evolved_mean", "evolved_natural"} & set(opened.pairs()["kind"])


def test_tables_and_page_tell_every_generation_and_what_became_of_them(study: Path) -> None:
    opened = library.open_study(study)
    shown = opened.evolution()
    assert "true_hz" not in shown
    assert shown.groupby("kind").size().to_dict() == {"evolved": 36, "evolved_mean": 2, "evolved_natural": 2}
    assert sorted(shown["generation"].unique()) == [0, 1, 2]
    assert shown.loc[shown["kind"] != "evolved", "n_repetitions"].le(COMPARED).all()
    gains = opened.evolution_gains(truth=True)
    assert gains["n_sites"].tolist() == [1, 1, N_SITES]
    whole = gains.iloc[-1]
    assert whole["difference"] == pytest.approx(gains["difference"][:-1].mean())
    assert np.isfinite(gains["true_difference"]).all()
    page = (study / "report" / "day-01.3.html").read_text()
    assert "Images that evolved: day 1, session 3" in page
    assert "Responses over generations" in page
    assert "12 images that evolve" in (study / "report" / "day-01.html").read_text()
    assert verify_study(StudyPaths(study)).faults == ()


def test_killed_between_and_in_generations_it_ends_with_the_same_bytes(study: Path, tmp_path: Path) -> None:
    again = tmp_path / "study"
    ran = command("dry-run", again, "--protocol", protocol_of_evolution(tmp_path))
    assert sum(killed_in(again, folder, ran) for folder in KILLED_IN) >= len(KILLED_IN) - 1
    finished = closedloop(*ran[3:])
    assert finished.returncode == 0, finished.stderr
    assert manifests(again) == manifests(study)
