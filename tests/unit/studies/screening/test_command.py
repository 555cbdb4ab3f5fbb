"""`closedloop studies screening`: what the words mean, and what is said of wrong ones."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from closedloop.cli import app
from closedloop.errors import CheckpointError, ClosedLoopError, DocumentError, OptionError, ProtocolError, StudyError
from closedloop.models.shipped import shipped_weights
from closedloop.studies.app import command_modules
from closedloop.studies.screening.asked import ScreeningOptions, check_options, screened_networks
from closedloop.studies.screening.run import resolve, screening_command

OPTIONS = ScreeningOptions(
    networks=(),
    family=None,
    architecture=None,
    study=None,
    responses=None,
    transfer=None,
    subject="simulated",
    epsilons=("10",),
    n_attacked=200,
    repetitions=20,
    n_clean=900,
    seed=0,
)


def test_the_defaults_are_the_shipped_networks_by_their_training_epsilon() -> None:
    networks = screened_networks(OPTIONS)
    assert [(one.name, one.training_epsilon, one.layers) for one in networks] == [
        ("small_resnet_vanilla", 0.0, ()),
        ("small_resnet_robust", 2.0, ()),
    ]


def test_layers_are_named_behind_a_colon() -> None:
    (network,) = screened_networks(replace(OPTIONS, networks=("small_resnet_robust:layer2.0,fc",)))
    assert (network.name, network.layers) == ("small_resnet_robust", ("layer2.0", "fc"))


def test_a_folder_of_weights_is_ordered_by_training_epsilon_and_hidden_files_are_no_part_of_it(tmp_path: Path) -> None:
    for name, shipped in (("a", "small_resnet_robust"), ("b", "small_resnet_vanilla")):
        (tmp_path / f"{name}.safetensors").write_bytes(shipped_weights(shipped).read_bytes())
    (tmp_path / ".a.safetensors.training.pt").write_bytes(b"half")
    assert [one.name for one in screened_networks(replace(OPTIONS, family=tmp_path))] == ["b", "a"]


def test_the_command_on_the_page_asks_for_the_same() -> None:
    asked = replace(OPTIONS, networks=("small_resnet_robust:fc",), epsilons=("2.5,10",), n_attacked=7, seed=3)
    command = typer.main.get_command(app).commands["studies"].commands["screening"]  # type: ignore[attr-defined]
    words = shlex.split(screening_command(asked))
    assert words[:3] == ["closedloop", "studies", "screening"]
    given = command.make_context("screening", words[3:], resilient_parsing=False).params
    assert (given["network"], given["epsilon"]) == (["small_resnet_robust:fc"], ["2.5,10"])
    assert (given["attacked_images"], given["repetitions"], given["clean_images"], given["seed"]) == (7, 20, 900, 3)
    assert given["subject"] == "simulated"


def test_the_defaults_of_the_command_are_those_of_the_study() -> None:
    command = typer.main.get_command(app).commands["studies"].commands["screening"]  # type: ignore[attr-defined]
    given = command.make_context("screening", [], resilient_parsing=False).params
    settings = resolve(OPTIONS).settings
    assert (given["attacked_images"], given["repetitions"], given["clean_images"]) == (200, 20, 900)
    assert settings == type(settings)()


@pytest.mark.parametrize(
    ("options", "fault", "words"),
    [
        ({"networks": ("small_resnet_robust:layer9",)}, ProtocolError, "found layer9"),
        ({"networks": ("small_resnet_robust:fc, fc",)}, OptionError, "each layer once, found fc twice"),
        ({"study": Path("docs")}, StudyError, "--study docs: expected a study folder"),
        ({"networks": ("nosuch.pt",)}, CheckpointError, "no such weight file"),
        (
            {"networks": ("small_resnet_robust", "small_resnet_robust:fc")},
            OptionError,
            "found small_resnet_robust twice",
        ),
        ({"family": Path("docs")}, CheckpointError, "expected a folder of weight files"),
        ({"transfer": Path("pyproject.toml")}, OptionError, "Add --study or --responses"),
        ({"study": Path("a"), "responses": Path("b")}, OptionError, "expected one of the two"),
        ({"responses": Path("nosuch.csv")}, DocumentError, "expected a CSV table, found none"),
        ({"epsilons": ("0",)}, OptionError, "expected numbers above 0"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    options: dict[str, object], fault: type[ClosedLoopError], words: str, tmp_path: Path
) -> None:
    with pytest.raises(fault, match=words) as told:
        check_options(replace(OPTIONS, **options), tmp_path / "new", workers=None)
    assert len(str(told.value).splitlines()) == 1


def test_what_every_comparison_has_is_no_name_of_a_file(tmp_path: Path) -> None:
    for name in ("untrained", "pixels", "untrained small_resnet"):
        (tmp_path / f"{name}.safetensors").write_bytes(shipped_weights("small_resnet_robust").read_bytes())
        with pytest.raises(OptionError, match=f"expected other names than pixels and untrained.* found {name}"):
            screened_networks(replace(OPTIONS, networks=(str(tmp_path / f"{name}.safetensors"),)))


@pytest.mark.parametrize("name", [module.split(".")[2] for module in command_modules()])
def test_a_seed_that_no_document_holds_is_refused_by_every_study(name: str) -> None:
    command = typer.main.get_command(app).commands["studies"].commands[name.replace("_", "-")]  # type: ignore[attr-defined]
    assert command.make_context(name, ["--seed", str(2**63 - 1)]).params["seed"] == 2**63 - 1
    for beyond in (str(2**63), "99999999999999999999999", "-1"):
        refused = CliRunner().invoke(app, ["studies", name.replace("_", "-"), "--seed", beyond])
        assert (refused.exit_code, "--seed" in refused.output) == (2, True)


def test_help_names_every_option() -> None:
    shown = CliRunner().invoke(app, ["studies", "screening", "--help"])
    assert shown.exit_code == 0
    for option in ("--network", "--networks", "--study", "--responses", "--transfer", "--epsilon", "--attacked-images"):
        assert option in shown.stdout
