"""`closedloop studies screening`: what the words mean, and what is said of wrong ones."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from closedloop.cli import app
from closedloop.errors import CheckpointError, ClosedLoopError, DocumentError, OptionError, ProtocolError
from closedloop.models.shipped import shipped_weights
from closedloop.studies.screening.asked import ScreeningOptions, check_options, screened_networks
from closedloop.studies.screening.responses import read_response_table
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found none"),
        ("picture,repetition,a\n", "found picture, repetition, a"),
        ("image,repetition\nx,1\n", "one for each site"),
        ("image,repetition,a\nx,1\n", "line 2: expected 3 values, found 2"),
        ("image,repetition,a\nx,1,many\n", "line 2: expected numbers"),
        ("image,repetition,a\nx,1,inf\n", "line 2: expected numbers"),
        ("image,repetition,a\nx,1,2\nx,1,3\n", "line 3: expected each repetition of an image once"),
    ],
)
def test_a_table_of_another_form_is_refused_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(DocumentError, match=words):
        read_response_table(tmp_path / "table.csv")


def test_a_missing_response_is_an_empty_field(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("image,repetition,a,b\nx.png,1,3,\n\n")
    table = read_response_table(tmp_path / "table.csv")
    assert table.images == ("x.png",)
    assert table.rates[0, 0] == 3
    assert table.rates[0, 1] != table.rates[0, 1]


def test_help_names_every_option() -> None:
    shown = CliRunner().invoke(app, ["studies", "screening", "--help"])
    assert shown.exit_code == 0
    for option in ("--network", "--networks", "--study", "--responses", "--transfer", "--epsilon", "--attacked-images"):
        assert option in shown.stdout
