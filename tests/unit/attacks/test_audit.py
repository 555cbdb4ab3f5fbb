from __future__ import annotations

import numpy as np
import pytest

from closedloop.attacks.audit import PerturbationAudit, audit_columns, audit_pixels

BLUE, GREEN = 0.0722, 0.7152  # ITU-R BT.709


def audited(clean: np.ndarray, shown: np.ndarray, levels: int = 255) -> PerturbationAudit:
    return audit_pixels(zip(clean, shown, strict=True), levels=levels)


def grey(value: int, side: int = 4) -> np.ndarray:
    return np.full((1, side, side, 3), value, dtype=np.uint8)


def test_one_changed_value_is_counted_where_it_is() -> None:
    clean = grey(100)
    shown = clean.copy()
    shown[0, 1, 2, 1] = 131  # green of one of sixteen pixels, 31 levels
    audit = audited(clean, shown)
    assert (audit.n_changed[0], audit.n_clipped[0], audit.largest_change[0]) == (1, 0, 31)
    assert audit.realised_norm[0] == pytest.approx(31 / 255)
    assert audit.realised_epsilon[0] == pytest.approx(31 / 255 * 224 / 4)
    assert audit.luminance_shift[0] == pytest.approx(GREEN * 31 / 255 / 16)
    assert audit.luminance_shift_relative[0] == pytest.approx(GREEN * 31 / 100 / 16)
    one_of_16 = np.sqrt(1 / 16 * 15 / 16)  # SD of one pixel that differs by 1 from fifteen others
    assert audit.contrast_shift[0] == pytest.approx(GREEN * 31 / 255 * one_of_16)


def test_values_that_an_attack_pushed_to_the_edge_are_clipped_and_those_that_were_there_are_not() -> None:
    clean, shown = grey(0), grey(0)
    clean[0, 0, 0] = [3, 250, 0]
    shown[0, 0, 0] = [0, 255, 0]
    shown[0, 0, 1] = [0, 0, 7]
    audit = audited(clean, shown)
    assert audit.n_clipped.tolist() == [2]
    assert audit.n_changed.tolist() == [3]
    assert audit.largest_change.tolist() == [7]


def test_a_change_downwards_does_not_wrap_around() -> None:
    audit = audited(grey(255), grey(0))
    assert audit.largest_change.tolist() == [255]
    assert audit.luminance_shift[0] == pytest.approx(-1.0)
    assert audit.luminance_shift_relative[0] == pytest.approx(-1.0)


def test_halving_all_differences_from_the_mean_halves_the_contrast() -> None:
    clean, shown = grey(100), grey(100)
    clean[0, :2], shown[0, :2] = 140, 120
    clean[0, 2:], shown[0, 2:] = 60, 80
    audit = audited(clean, shown)
    assert audit.contrast_clean[0] == pytest.approx(40 / 255)
    assert audit.contrast_shift_relative[0] == pytest.approx(-0.5)
    assert audit.luminance_shift[0] == pytest.approx(0.0, abs=1e-12)


def test_nothing_is_relative_to_black_or_to_a_uniform_image() -> None:
    audit = audited(grey(0), grey(1))
    assert np.isnan(audit.luminance_shift_relative[0])
    assert np.isnan(audit.contrast_shift_relative[0])


def test_ten_bits_are_counted_on_their_own_scale() -> None:
    clean = np.full((2, 2, 2, 3), 1000, dtype=np.uint16)
    shown = clean.copy()
    shown[1, 0, 0, 2] = 1023
    audit = audited(clean, shown, levels=1023)
    assert audit.n_clipped.tolist() == [0, 1]
    assert audit.luminance_shift[1] == pytest.approx(BLUE * 23 / 1023 / 4)
    assert audit.realised_norm.tolist() == pytest.approx([0.0, 23 / 1023])


def test_no_images_give_no_numbers_and_unequal_ones_are_refused() -> None:
    assert audited(grey(1)[:0], grey(1)[:0]).luminance_shift.shape == (0,)
    with pytest.raises(ValueError, match="two images of one kind"):
        audited(grey(1), grey(1, side=5))


def test_the_rounding_loss_is_what_the_bytes_move_less_than_the_float_optimum_whatever_the_sign() -> None:
    columns = audit_columns(
        zip(grey(1, 2), grey(2, 2), strict=True),
        predicted_change_float=np.array([-2.0]),
        predicted_change=np.array([-1.5]),
        lattice_bound=np.array([0.8]),
    )
    assert columns["rounding_loss"].tolist() == [0.5]
    assert columns["n_changed"].tolist() == [12]
    assert columns["lattice_bound"].tolist() == [0.8]


def test_where_the_search_on_whole_levels_went_further_there_was_no_float_optimum_to_lose_anything_of() -> None:
    """After two float steps and eight on the lattice the bytes moved 158 % of the "optimum": a loss of minus .58."""
    columns = audit_columns(
        zip(grey(1, 2), grey(2, 2), strict=True),
        predicted_change_float=np.array([-1.0]),
        predicted_change=np.array([-1.58]),
        lattice_bound=np.array([0.8]),
    )
    assert columns["rounding_loss"].tolist() == [0.0]
