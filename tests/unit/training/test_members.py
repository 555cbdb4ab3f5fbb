"""Members fitted side by side: the same as one after the other, and their progress after an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.execution.workers import HERE
from closedloop.training.elsewhere import fit_elsewhere
from closedloop.training.members import MemberFit, refit_members
from tests.unit.training.test_end_to_end import RECIPE, KilledError, answers, same, site_model, weights_of

TRAIN, HELD_OUT = answers(40, seed=1), answers(10, seed=2)  # 3 steps an epoch
STEPS = 2 * 3 * RECIPE.epochs


def members(folder: Path) -> list[MemberFit]:
    folder.mkdir(exist_ok=True)
    return [MemberFit(site_model(seed=seed), seed, folder / f"{seed}.pt") for seed in (1, 2)]


def fit(folder: Path, *, n_processes: int) -> tuple[list[MemberFit], list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    asked = members(folder)
    refit_members(
        asked,
        TRAIN,
        HELD_OUT,
        recipe=RECIPE,
        n_processes=n_processes,
        progress=lambda done, total: told.append((done, total)),
    )
    return asked, told


def test_side_by_side_they_end_as_one_after_the_other(tmp_path: Path) -> None:
    alone, told_alone = fit(tmp_path / "alone", n_processes=1)
    together, told = fit(tmp_path / "together", n_processes=2)
    for one, other in zip(alone, together, strict=True):
        assert same(weights_of(one.model), weights_of(other.model))
    assert told_alone[-1] == told[-1] == (STEPS, STEPS)


@pytest.mark.parametrize("killed_at_step", [4, 9])  # after one epoch, and after all of them
def test_an_interrupted_fit_goes_on_from_where_it_stood(tmp_path: Path, killed_at_step: int) -> None:
    def kill(done: int, _total: int) -> None:
        if done == killed_at_step:
            raise KilledError

    with pytest.raises(KilledError):
        refit_members(members(tmp_path)[:1], TRAIN, HELD_OUT, recipe=RECIPE, n_processes=1, progress=kill)
    asked, told = fit(tmp_path, n_processes=2)
    whole, _ = fit(tmp_path / "whole", n_processes=2)
    assert told[-1] == (STEPS, STEPS)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    for one, other in zip(asked, whole, strict=True):
        assert same(weights_of(one.model), weights_of(other.model))


@pytest.mark.parametrize("begun_here", [False, True])
def test_fitted_elsewhere_from_files_they_are_the_same(tmp_path: Path, begun_here: bool) -> None:
    alone, _ = fit(tmp_path / "alone", n_processes=1)
    asked = members(tmp_path / "elsewhere")
    if begun_here:
        with pytest.raises(KilledError):
            refit_members(asked, TRAIN, HELD_OUT, recipe=RECIPE, n_processes=1, progress=kill_after_an_epoch)
        asked = members(tmp_path / "elsewhere")
    told: list[tuple[int, int]] = []
    options = {"recipe": RECIPE, "workers": HERE, "progress": lambda done, total: told.append((done, total))}
    left = fit_elsewhere(asked, TRAIN, HELD_OUT, **options)
    steps: list[int] = []
    reports = refit_members(
        left, TRAIN, HELD_OUT, recipe=RECIPE, n_processes=1, progress=lambda done, _: steps.append(done)
    )
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert not steps, "nothing is left to learn here"
    assert [report.resumed_from_epoch for report in reports] == [RECIPE.epochs] * 2
    for one, other in zip(alone, left, strict=True):
        assert same(weights_of(one.model), weights_of(other.model))


def kill_after_an_epoch(done: int, _total: int) -> None:
    if done == 4:
        raise KilledError
