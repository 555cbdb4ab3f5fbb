"""Several site models as one: their mean, where they differ, and one file for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from closedloop.errors import CheckpointError
from closedloop.models.checkpoints import load_site_model, save_site_model
from closedloop.models.ensemble import Disagreement, SiteEnsemble, pairs_of_members
from closedloop.models.site_model import SiteModel, freeze_for_attack, predict
from closedloop.models.way_back.member_gradients import equally_long
from closedloop.models.weight_files import read_metadata, read_safetensors, write_weights
from tests.unit.days import pixels
from tests.unit.stages.small_models import N_SITES, small_model


def ensemble(n: int = 3) -> SiteEnsemble:
    return SiteEnsemble(small_model(seed=seed) for seed in range(n))


def test_it_answers_with_the_mean_of_its_members() -> None:
    whole, images = ensemble(), pixels(5)
    of_members = np.stack([predict(member, images) for member in whole.members])
    np.testing.assert_allclose(predict(whole, images), of_members.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_where_members_differ_is_an_output_a_pair_and_site() -> None:
    whole, images = ensemble(), pixels(5)
    of_members = [predict(member, images) for member in whole.members]
    differences = predict(Disagreement(whole), images)
    assert pairs_of_members(3) == ((0, 1), (0, 2), (1, 2))
    for place, (first, second) in enumerate(pairs_of_members(3)):
        own = differences[:, place * N_SITES : (place + 1) * N_SITES]
        np.testing.assert_allclose(own, of_members[first] - of_members[second], rtol=1e-4, atol=1e-5)


def test_frozen_for_attacks_it_answers_as_before() -> None:
    images = pixels(5)
    before = predict(ensemble(), images)
    np.testing.assert_allclose(predict(freeze_for_attack(ensemble()), images), before, rtol=1e-3, atol=1e-4)


def test_one_file_holds_all_members_and_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    save_site_model(first, ensemble())
    found = load_site_model(first)
    assert isinstance(found, SiteEnsemble)
    assert len(found.members) == 3
    images = pixels(3)
    np.testing.assert_array_equal(predict(found, images), predict(ensemble(), images))
    save_site_model(second, found)
    assert first.read_bytes() == second.read_bytes()


def test_a_single_model_is_read_as_one(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_site_model(file, small_model())
    assert isinstance(load_site_model(file), SiteModel)


@pytest.mark.parametrize("members", [None, [], "three", [1, 2], [{"architecture": "small_resnet"}]])
def test_a_description_without_its_members_is_refused(tmp_path: Path, members: object) -> None:
    file, changed = tmp_path / "model.safetensors", tmp_path / "changed.safetensors"
    save_site_model(file, ensemble(2))
    write_weights(changed, read_safetensors(file), metadata=read_metadata(file) | {"members": members})
    with pytest.raises(CheckpointError, match=r"its description: expected .*Restore the file"):
        load_site_model(changed)


def test_a_file_with_a_member_more_or_fewer_than_it_says_is_refused(tmp_path: Path) -> None:
    file, changed = tmp_path / "model.safetensors", tmp_path / "changed.safetensors"
    save_site_model(file, ensemble(3))
    described, state = read_metadata(file), read_safetensors(file)
    write_weights(changed, state, metadata=described | {"members": described["members"][:2]})
    with pytest.raises(CheckpointError, match="expected weights of 2 members"):
        load_site_model(changed)
    fewer = {key: tensor for key, tensor in state.items() if not key.startswith("members.2.")}
    write_weights(changed, fewer, metadata=described)
    with pytest.raises(CheckpointError, match=r"expected readout\.channel of shape"):
        load_site_model(changed)


def test_members_of_other_sites_do_not_go_together() -> None:
    other = small_model()
    other.spec = other.spec.__class__(other.spec.architecture, other.spec.layer, other.spec.side_px, N_SITES + 1)
    with pytest.raises(ValueError, match="same sites and images"):
        SiteEnsemble([small_model(), other])
    with pytest.raises(ValueError, match="at least two"):
        Disagreement(SiteEnsemble([small_model()]))


def test_a_gradient_of_the_mean_is_the_mean_of_the_members_gradients() -> None:
    whole = ensemble(2).requires_grad_(False)
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_(True)

    def gradient(model: torch.nn.Module) -> torch.Tensor:
        (found,) = torch.autograd.grad(model(images)[:, 1].sum(), images)
        return found

    parts = [gradient(member) for member in whole.members]
    torch.testing.assert_close(gradient(whole), (parts[0] + parts[1]) / 2, rtol=1e-4, atol=1e-6)
    with equally_long():
        found = gradient(whole)
    one, other = (part / part.flatten(1).norm(dim=1).view(-1, 1, 1, 1) for part in parts)
    cosine = torch.nn.functional.cosine_similarity(found.flatten(1), (one + other).flatten(1))
    torch.testing.assert_close(cosine, torch.ones(2), rtol=1e-4, atol=1e-4)
    plain = torch.nn.functional.cosine_similarity(gradient(whole).flatten(1), (one + other).flatten(1))
    assert (plain < 0.9999).any(), "members whose gradients are as long anyway would show nothing"
