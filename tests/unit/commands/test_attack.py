"""`closedloop attack`: the bytes in every file are the same and inside their ball; interrupted, it goes on."""

from __future__ import annotations

import csv
import hashlib
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image

from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.commands.attack_sets import ATTACK_SET, AttackSetDocument
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.protocol.attack import Attack, Gradient
from closedloop.artifacts.tables import Columns, read_table
from closedloop.attacks.gradients.estimators import Averaged, Blurred, SoftRelu
from closedloop.attacks.gradients.transforms import Shift
from closedloop.attacks.searches import SEARCHES
from closedloop.commands.attack.app import attack as attack_command
from closedloop.commands.attack.asked import COMPARING, OTHERS, AttackOptions, check_options
from closedloop.commands.attack.options import full_command, resolve, run_attack
from closedloop.commands.attack.request import outputs_of
from closedloop.commands.attack.run import attack_to_folder
from closedloop.errors import CheckpointError, ImageError, OptionError, ProtocolError, StorageError
from closedloop.execution.workers import HERE
from closedloop.models.checkpoints import open_base_model, save_site_model
from closedloop.models.shipped import shipped_weights
from closedloop.models.site_model import UnitModel, build_site_model, calibrate_readout

torch.set_num_threads(1)

LAYER = "layer3.0"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs that scikit-image ships, 32 pixels high."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("astronaut", "chelsea"):
        picture = getattr(skimage.data, name)()[:300, :300]
        Image.fromarray(picture).resize((32, 32)).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def options(photographs: Path) -> AttackOptions:
    return AttackOptions(
        model="small_resnet_robust",
        images=(photographs,),
        out=photographs.with_name("set"),
        outputs="1,4-5",
        epsilons=(2.5, 1.0),
        search="cosine",
        steps=3,
        direction="both",
        seed=3,
        gradient=Gradient(),
        workers="1",
        layer=LAYER,
        architecture=None,
        side_px=None,
    )


@pytest.fixture(scope="module")
def made(options: AttackOptions) -> Path:
    run_attack(options)
    return options.out


@pytest.fixture(scope="module")
def table(made: Path) -> Columns:
    return read_table(made / "attacks.parquet", ATTACK_SET)


def pictures(folder: Path, table: Columns) -> NDArray[np.uint8]:
    return np.stack([np.asarray(Image.open(folder / name)) for name in table["file"]])


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pictures_arrays_and_identities_are_the_same_bytes(made: Path, table: Columns) -> None:
    shown = pictures(made, table)
    assert shown.shape == (2 + 2 * 3 * 2, 32, 32, 3)
    assert np.array_equal(shown, read_arrays(made / "images.h5", STIMULUS_IMAGES)["images"])
    assert [stimulus_id(image) for image in shown] == table["stimulus_id"].tolist()
    assert len({*table["file"]}) == len(shown) == len(list(made.rglob("*.png")))


def test_the_norm_of_the_pictures_is_inside_the_budget_and_nearly_all_of_it(made: Path, table: Columns) -> None:
    shown = pictures(made, table).astype(float)
    norm = np.sqrt(((shown - shown[table["clean_index"]]) ** 2).sum(axis=(1, 2, 3))) / 255 * 224 / 32
    attacked = table["kind"] == "attacked"
    assert bool((norm <= table["epsilon"]).all())
    assert bool((norm[attacked] > 0.99 * table["epsilon"][attacked]).all())
    np.testing.assert_allclose(table["realised_epsilon"], norm)
    assert sorted(set(table["epsilon"])) == [0.0, 1.0, 2.5]


def test_predictions_are_the_unfolded_models_of_the_pictures(made: Path, table: Columns) -> None:
    model = UnitModel(open_base_model("small_resnet_robust", layer=LAYER)).eval()
    with torch.no_grad():
        activation = model(torch.from_numpy(pictures(made, table)).permute(0, 3, 1, 2) / 255).numpy()
    rows = np.flatnonzero(table["kind"] == "attacked")
    outputs = table["output_index"][rows]
    np.testing.assert_allclose(table["predicted_attacked"][rows], activation[rows, outputs], atol=1e-4)
    clean = activation[table["clean_index"][rows], outputs]
    np.testing.assert_allclose(table["predicted_clean"][rows], clean, atol=1e-4)
    change = table["predicted_change"][rows]
    np.testing.assert_allclose(change, activation[rows, outputs] - clean, atol=2e-4)
    assert bool((change * table["direction"][rows] >= 0).all())
    assert np.abs(change).max() > 0.01


def test_the_text_table_is_the_parquet_table(made: Path, table: Columns) -> None:
    with (made / "attacks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(ATTACK_SET.columns)
    for name, column in table.items():
        found = [row[name] for row in rows]
        assert (
            found == column.tolist()
            if column.dtype == object
            else np.array_equal(np.array(found, dtype=float), column.astype(float), equal_nan=True)
        )


def test_the_document_says_what_made_the_folder(made: Path, table: Columns) -> None:
    document = AttackSetDocument.read(made / "attack.json")
    assert document.outputs == (1, 4, 5)
    assert document.epsilons == (1.0, 2.5)
    assert document.n_attacks == 12
    assert document.n_gradients == table["n_gradients"].sum()
    assert "Cosine(steps=3" in document.method
    for name, sha256 in document.files.items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == sha256


def test_the_page_loads_nothing_and_says_how_to_make_it_again(made: Path) -> None:
    page = (made / "index.html").read_text()
    assert {target[:5] for target in re.findall(r'(?:src|href)="([^"]*)"', page)} == {"data:"}
    assert "SIMULATED" not in page
    assert "closedloop attack small_resnet_robust" in page
    assert "astronaut.png · output 1 · ε = 2.5" in page


def test_the_same_command_again_does_nothing_and_another_is_refused(options: AttackOptions, made: Path) -> None:
    before = files_of(made)
    assert "finished already" in run_attack(options)[0]
    with pytest.raises(StorageError, match="found others"):
        run_attack(replace(options, seed=4))
    assert files_of(made) == before
    assert not list(made.parent.glob(".set.attack"))


def test_a_folder_of_something_else_is_left_alone(options: AttackOptions, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="Choose another --out"):
        run_attack(replace(options, out=tmp_path))
    assert files_of(tmp_path) == {"thesis.tex": b"years of work"}


@pytest.mark.slow
def test_interrupted_it_goes_on_where_it_was_with_the_same_bytes(options: AttackOptions, tmp_path: Path) -> None:
    attack = resolve(replace(options, outputs="0-8", steps=1))  # 36 attacks: two shards

    def run(out: Path, *, until: int) -> None:
        def progress(done: int, total: int) -> None:
            assert total == 36
            if done > until:
                raise KeyboardInterrupt

        attack_to_folder(attack, out, workers=HERE, command="c", progress=progress)

    run(tmp_path / "whole", until=36)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", until=0)
    assert not (tmp_path / "stopped").exists()
    (shard,) = (tmp_path / ".stopped.attack" / "shards").glob("*.npz")
    written = shard.stat().st_mtime_ns
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", until=32)
    assert shard.stat().st_mtime_ns == written  # read, not made again
    run(tmp_path / "stopped", until=36)
    assert files_of(tmp_path / "stopped") == files_of(tmp_path / "whole")
    assert not list(tmp_path.glob(".stopped*"))


def test_a_direction_alone_is_the_only_one_taken(options: AttackOptions, tmp_path: Path) -> None:
    run_attack(replace(options, out=tmp_path / "down", direction="down", outputs="1", epsilons=(5.0,)))
    table = read_table(tmp_path / "down" / "attacks.parquet", ATTACK_SET)
    attacked = table["kind"] == "attacked"
    assert table["direction"][attacked].tolist() == [-1, -1]
    change = table["predicted_change"][attacked]
    assert change.min() < 0 >= change.max()  # a rectified unit that is silent cannot be driven down


def test_a_site_models_sites_are_attacked_at_its_own_size(options: AttackOptions, tmp_path: Path) -> None:
    model = build_site_model(open_base_model("small_resnet_robust", layer=LAYER), n_sites=2, side_px=32, seed=1)
    calibrate_readout(model, np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), dtype=np.uint8))
    file = tmp_path / "model.safetensors"
    save_site_model(file, model)
    own = replace(options, model=str(file), layer=None, outputs="all", out=tmp_path / "set", epsilons=(1.0,), steps=1)
    assert run_attack(own)[0].startswith("epsilon 1: mean predicted change")
    document = AttackSetDocument.read(own.out / "attack.json")
    assert (document.model.kind, document.outputs, document.model.side_px) == ("site_model", (0, 1), 32)
    with pytest.raises(ProtocolError, match="are a base model's"):
        resolve(replace(own, layer=LAYER))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"outputs": "60-64"}, ProtocolError, r"--outputs 60-64: expected some of 0-63"),
        ({"outputs": "5-"}, OptionError, r"--outputs 5-: expected all, or numbers and ranges"),
        ({"outputs": "7-3"}, OptionError, r"--outputs 7-3"),
        ({"search": "annealed", "gradient": Gradient(shift=0.1)}, OptionError, r"--search annealed: expected cosine"),
        ({"layer": "layer9.9"}, ProtocolError, r"layer9.9"),
        ({"search": "luck"}, OptionError, r"--search luck: expected one of cosine"),
        ({"direction": "left"}, OptionError, r"--direction left: expected one of both, up, down"),
        ({"epsilons": (0.0, 1.0)}, OptionError, r"--epsilon"),
        ({"epsilons": (float("inf"),)}, OptionError, r"--epsilon"),
        ({"model": "nowhere.safetensors"}, CheckpointError, r"nowhere.safetensors"),
        ({"images": (Path("nowhere"),)}, ImageError, r"nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    options: AttackOptions, tmp_path: Path, change: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as failure:
        run_attack(replace(options, out=tmp_path / "set", **change))  # type: ignore[arg-type]
    assert "\n" not in str(failure.value)
    assert not list(tmp_path.iterdir())


def test_the_names_and_options_that_are_checked_without_torch_are_those_that_it_takes(options: AttackOptions) -> None:
    assert {name for name, search in SEARCHES.items() if search.compares_steps} == set(COMPARING)
    assert set(SEARCHES) == {*COMPARING, *OTHERS}
    check_options(replace(options, out=options.out.with_name("another")))


def test_a_command_that_found_nothing_leaves_nothing(options: AttackOptions, tmp_path: Path) -> None:
    """The folder of finished attacks is hidden beside what was asked for: nobody would find it."""
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(shipped_weights("small_resnet_robust").read_bytes())
    request = resolve(replace(options, model=str(weights), outputs="0", epsilons=(1.0,)))
    weights.write_bytes(shipped_weights("small_resnet_vanilla").read_bytes())
    with pytest.raises(CheckpointError, match="expected weights with the hash"):
        attack_to_folder(request, tmp_path / "set", workers=HERE, command="", progress=lambda _done, _total: None)
    assert list(tmp_path.iterdir()) == [weights]


def test_without_a_layer_the_units_are_the_penultimate_ones(options: AttackOptions) -> None:
    model = resolve(replace(options, layer=None)).subject.model
    assert (model.layer, model.n_outputs) == ("avgpool", 64)


def test_a_smoothed_gradient_is_followed_and_is_another_request(options: AttackOptions) -> None:
    smoothed = resolve(replace(options, gradient=Gradient(shift=0.094, blur=0.025)))
    assert smoothed.method.estimator == Blurred(0.025, Averaged((Shift(0.094),)))
    assert smoothed.lattice.steps == 0  # steps by single gradients would undo it (docs/decisions/0012)
    soft = resolve(replace(options, gradient=Gradient(soft_relu=3)))
    assert soft.method.estimator == SoftRelu(3.0)
    assert len({one.digest for one in (smoothed, soft, resolve(options))}) == 3


def test_two_images_of_one_name_are_refused(options: AttackOptions, photographs: Path) -> None:
    twice = replace(options, images=(photographs, photographs / "chelsea.png"))
    with pytest.raises(ImageError, match=r"two images are called chelsea\.png"):
        resolve(twice)


def test_outputs_are_numbers_and_ranges() -> None:
    assert outputs_of("all", n_outputs=3) == (0, 1, 2)
    assert outputs_of("5, 0-2,1", n_outputs=9) == (0, 1, 2, 5)


def test_the_command_on_the_page_can_be_pasted_into_a_shell(options: AttackOptions) -> None:
    given = replace(options, model="my model.pt", images=(Path("cat & dog.png"),), gradient=Gradient(shift=0.1))
    parts = shlex.split(full_command(given))
    assert parts[:5] == ["closedloop", "attack", "my model.pt", "cat & dog.png", "--out"]
    assert parts[-2:] == ["--shift", "0.1"]


def test_the_help_of_search_names_every_search_and_a_protocol_no_other() -> None:
    option = get_type_hints(attack_command, include_extras=True)["search"]
    (info,) = option.__metadata__
    assert info.help == " or ".join((", ".join([*SEARCHES][:-1]), [*SEARCHES][-1]))
    assert set(get_args(get_type_hints(Attack)["search"])) <= set(SEARCHES)
