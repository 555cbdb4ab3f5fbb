"""Codes of images: what they keep, what they lose, and that they are what they are called."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn
from sklearn.decomposition import PCA

from closedloop.stimuli.evolution.codes import cosine_code, principal_code

SIDE, N_IMAGES = 8, 30
IMAGES = np.random.default_rng(0).integers(0, 256, (N_IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
PIXELS = IMAGES.reshape(N_IMAGES, -1) / 255


@pytest.mark.parametrize(("make", "n_whole"), [(principal_code, N_IMAGES - 1), (cosine_code, SIDE * SIDE * 3)])
def test_a_code_of_all_components_gives_back_every_byte(make: object, n_whole: int) -> None:
    code = make(IMAGES, 10_000)  # type: ignore[operator]
    assert len(code.scale) == n_whole
    np.testing.assert_array_equal(code.decode(code.encode(IMAGES)), IMAGES)


@pytest.mark.parametrize("make", [principal_code, cosine_code])
def test_natural_images_have_an_sd_of_one_along_each_component(make: object) -> None:
    codes = make(IMAGES, 12).encode(IMAGES)  # type: ignore[operator]
    assert codes.shape == (N_IMAGES, 12)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(codes.std(axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize("make", [principal_code, cosine_code])
def test_components_are_orthonormal(make: object) -> None:
    flat = make(IMAGES, 20).components.reshape(20, -1)  # type: ignore[operator]
    np.testing.assert_allclose(flat @ flat.T, np.eye(20), atol=1e-5)


def test_principal_components_are_scikit_learns() -> None:
    code, other = principal_code(IMAGES, 7), PCA(7, svd_solver="full").fit(PIXELS)
    np.testing.assert_allclose(code.scale**2, other.explained_variance_ * (N_IMAGES - 1) / N_IMAGES, rtol=1e-4)
    alike = np.abs(code.components.reshape(7, -1) @ other.components_.T)
    np.testing.assert_allclose(alike, np.eye(7), atol=1e-3)


def test_cosines_are_scipys_slowest_first_each_colour_by_itself() -> None:
    code = cosine_code(IMAGES, 9)
    centred = (PIXELS - PIXELS.mean(axis=0)).reshape(IMAGES.shape)
    wanted = dctn(centred, axes=(1, 2), norm="ortho")
    found = code.encode(IMAGES) * code.scale
    for place, (down, across) in enumerate([(0, 0), (0, 1), (1, 0)]):
        np.testing.assert_allclose(found[:, 3 * place : 3 * place + 3], wanted[:, down, across], atol=1e-5)


def test_what_would_be_beyond_black_and_white_is_cut_off() -> None:
    code = principal_code(IMAGES, 5)
    far = code.decode(np.full((1, 5), 1000.0))
    assert set(np.unique(far)) <= {0, 255} | set(range(256))
    assert ((far == 0) | (far == 255)).mean() > 0.9


def test_one_image_has_no_components() -> None:
    with pytest.raises(ValueError, match="two images, found 1"):
        principal_code(IMAGES[:1], 3)
