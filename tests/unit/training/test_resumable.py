"""The order of examples and the identity of a training."""

from __future__ import annotations

import numpy as np

from closedloop.training.resumable import epoch_order, fingerprint


def test_every_epoch_and_every_seed_has_its_own_order_of_all_examples() -> None:
    orders = [epoch_order(50, seed=seed, epoch=epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(np.array_equal(np.sort(order), np.arange(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert np.array_equal(orders[1], epoch_order(50, seed=0, epoch=1))


def test_a_fingerprint_tells_values_shapes_types_and_descriptions_apart() -> None:
    zeros = np.zeros((2, 3), dtype=np.float32)
    ones = zeros.copy()
    ones[1, 2] = 1
    arrays = [zeros, ones, zeros.reshape(3, 2), zeros.view(np.int32)]
    prints = {fingerprint(text, [array]) for text in ("a", "b") for array in arrays}
    assert len(prints) == 8
    assert fingerprint("a", [zeros]) == fingerprint("a", [np.asfortranarray(zeros)])
