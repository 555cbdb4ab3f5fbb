"""The study's command, as a person types it: what is refused, what is said, and what no earlier run leaves behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.analysis.discrimination.estimates import Detection
from closedloop.analysis.estimate import Estimate
from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.discrimination.served_link import keep_link, kept_link, new_link
from closedloop.attacks.epsilons import parse_epsilons
from closedloop.commands.discrimination.prepare import refuse_idle_options
from closedloop.errors import OptionError
from closedloop.studies.discrimination.asked import DiscriminationOptions
from closedloop.studies.discrimination.command import discrimination
from closedloop.studies.discrimination.observers import ObserverLaw
from closedloop.studies.discrimination.preparation.sources import PairSource
from closedloop.studies.discrimination.run import run_study
from closedloop.studies.discrimination.simulate import simulate_subjects
from closedloop.studies.discrimination.tables import binomial_interval
from closedloop.studies.networks import parse_network
from tests.unit.studies.discrimination.experiments import small_experiment


@pytest.fixture
def answered(tmp_path: Path) -> OpenExperiment:
    experiment = small_experiment(tmp_path / "experiment", n_sessions=2, pairs_a_session=16, simulated=True)
    simulate_subjects(experiment, ObserverLaw(), n_subjects=2, seed=0)
    return experiment


def nothing(_n_done: int, _n: int) -> None:
    """Tell nobody."""


def asked(experiment: OpenExperiment, *, n_checks: int = 0, rules: Path | None = None) -> DiscriminationOptions:
    network = parse_network("small_resnet_robust", architecture=None)
    source = PairSource(None, None, None, network, parse_epsilons(["1"]), 2, 0)
    return DiscriminationOptions(experiment.paths.root, source, 2, 1, n_checks, rules, 0)


def test_no_table_of_an_earlier_run_stays(answered: OpenExperiment, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_study(asked(answered, n_checks=1), answered, out, workers="1", progress=nothing)
    assert (out / "coverage.csv").is_file()
    run_study(asked(answered), answered, out, workers="1", progress=nothing)
    assert not list(out.glob("coverage.*"))


@pytest.mark.parametrize("inside", [".", "results"])
def test_results_in_the_experiments_own_folder_are_refused(answered: OpenExperiment, inside: str) -> None:
    with pytest.raises(OptionError, match="a folder of its own for results"):
        discrimination(answered.paths.root / inside, experiment=answered.paths.root)


def test_where_everybody_is_left_out_it_is_said_and_no_number_is_shown(
    answered: OpenExperiment, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("left_out: {O01: asleep, O02: asleep, O03: moved away}\n")
    lines = run_study(asked(answered, rules=rules), answered, tmp_path / "out", workers="1", progress=nothing)
    assert "Nobody is left: the rules leave every trial out; the page says why." in lines
    assert any("found O03, of whom there is no session" in line for line in lines)
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Nobody is left" in page
    assert "nan" not in "\n".join(lines)
    assert "nan to" not in page
    assert "[nan" not in page


def test_the_link_stays_from_one_start_to_the_next_and_is_for_its_owner_alone(answered: OpenExperiment) -> None:
    paths = answered.paths
    assert kept_link(paths) is None
    link = new_link().model_copy(update={"port": 4_242})
    keep_link(paths, link)
    assert kept_link(paths) == link
    [place] = paths.journals.glob(".link*")
    assert place.stat().st_mode & 0o077 == 0
    place.write_text("{")
    assert kept_link(paths) is None


def test_a_rate_of_one_is_no_certainty() -> None:
    """Newcombe's interval of 8 of 8 hits and 0 of 8 false alarms: Wilson's reach .324 from either end."""
    right = Estimate(1.0, 0.0, n_images=8, n_sites=1, n_pairs=16, n_left_out=0, interval=(1.0, 1.0))
    found = Detection(1.0, 0.0, right, 3.0, (3.0, 3.0), n_trials=16, n_different=8)
    reach = 1.959964**2 / (8 + 1.959964**2)
    assert binomial_interval(found) == pytest.approx((1 - reach * np.sqrt(2) / 2, 1.0))


def test_options_of_a_search_are_refused_where_images_are_shown_as_they_are() -> None:
    searched = {"--network": None, "--epsilon": ["3"], "--clean-images": None}
    with pytest.raises(OptionError, match=r"--epsilon: expected it where a network is attacked, found --study"):
        refuse_idle_options(searched, study=Path("s"), images=None)
    with pytest.raises(OptionError, match="found --images"):
        refuse_idle_options(searched, study=None, images=Path("f"))
    refuse_idle_options(searched, study=None, images=None)
    refuse_idle_options(dict.fromkeys(searched), study=Path("s"), images=None)
