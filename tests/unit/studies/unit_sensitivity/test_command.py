"""`closedloop studies unit-sensitivity`: what the words mean, and what is said of wrong ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from closedloop.cli import app
from closedloop.errors import CheckpointError, ImageError, OptionError, ProtocolError
from closedloop.studies.unit_sensitivity.asked import UnitSensitivityOptions
from closedloop.studies.unit_sensitivity.options import resolve, unit_sensitivity_command

OPTIONS = UnitSensitivityOptions(
    networks=("small_resnet_robust",),
    architecture=None,
    images="procedural",
    epsilons=("1,2.5",),
    n_units=3,
    images_per_unit=2,
    n_clean=50,
    restarts=None,
    steps=None,
    paper=False,
    seed=4,
)


def test_help_names_every_option() -> None:
    shown = CliRunner().invoke(app, ["studies", "unit-sensitivity", "--help"])
    assert shown.exit_code == 0
    for option in ("--network", "--images", "--epsilon", "--units", "--images-per-unit", "--restarts", "--paper"):
        assert option in shown.stdout


def test_the_default_search_is_the_paper_s_with_a_smaller_budget() -> None:
    quick, paper = resolve(OPTIONS).search, resolve(replace(OPTIONS, paper=True)).search
    assert (paper.restarts, paper.steps) == (100, 250)
    assert replace(quick, restarts=100, steps=250) == paper
    assert quick.restarts * quick.steps < paper.restarts * paper.steps


def test_the_paper_starts_at_random_at_every_epsilon() -> None:
    assert resolve(OPTIONS).warm_start
    assert not resolve(replace(OPTIONS, paper=True)).warm_start


def test_starts_and_steps_can_be_given_beside_the_paper_s_rest() -> None:
    search = resolve(replace(OPTIONS, paper=True, restarts=7)).search
    assert (search.restarts, search.steps) == (7, 250)


def test_a_folder_of_images_is_a_folder() -> None:
    assert resolve(replace(OPTIONS, images="photographs")).images == Path("photographs")
    assert resolve(OPTIONS).images is None


def test_the_command_on_the_page_asks_for_the_same() -> None:
    asked = replace(OPTIONS, networks=("a net.pt:layer4.0", "small_resnet_robust"), architecture="resnet50", steps=9)
    command = typer.main.get_command(app).commands["studies"].commands["unit-sensitivity"]  # type: ignore[attr-defined]
    import shlex

    words = shlex.split(unit_sensitivity_command(replace(asked, paper=True)))
    assert words[:3] == ["closedloop", "studies", "unit-sensitivity"]
    given = command.make_context("unit-sensitivity", words[3:], resilient_parsing=False).params
    assert given["network"] == list(asked.networks)
    assert (given["architecture"], given["epsilon"], given["units"]) == ("resnet50", ["1,2.5"], 3)
    assert (given["images_per_unit"], given["clean_images"], given["seed"]) == (2, 50, 4)
    assert (given["restarts"], given["steps"], given["paper"]) == (None, 9, True)


@pytest.mark.parametrize(
    ("options", "fault", "words"),
    [
        (["--epsilon", "1,two"], OptionError, "--epsilon: expected numbers above 0 set apart by commas"),
        (["--epsilon", "1,nan,5"], OptionError, "found 'nan'"),
        (["--network", "small_resnet_robust:layer9"], ProtocolError, "layer9: expected one of stem"),
        (["--network", "nowhere.pt"], CheckpointError, "nowhere.pt: no such weight file"),
        (["--images", "nowhere"], ImageError, "nowhere: no such image folder"),
        (["--workers", "many"], OptionError, "--workers many"),
    ],
)
def test_a_wrong_word_is_one_line(tmp_path: Path, options: list[str], fault: type[Exception], words: str) -> None:
    result = CliRunner().invoke(app, ["studies", "unit-sensitivity", "--out", str(tmp_path / "out"), *options])
    assert isinstance(result.exception, fault)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out").exists()
