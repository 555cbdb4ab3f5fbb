"""Networks trained an epoch at a time by workers without the client's files: the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closedloop.defenses.descent import DescentSettings
from closedloop.defenses.fitting import ClassifierRecipe, LabelledExamples, PurifierRecipe
from closedloop.defenses.foreseen import ForeseenAttacks
from closedloop.defenses.trained import Trained, TrainedClassifier, TrainedPurifier, epochs_piece, rounds
from closedloop.execution.stored.here import do_over_store
from tests.unit.execution.stored.blind_workers import BlindWorkers

_RANDOM = np.random.default_rng(0)
EXAMPLES = LabelledExamples(
    _RANDOM.integers(0, 256, (3_000, 64), dtype=np.uint8), _RANDOM.integers(0, 3, 3_000, dtype=np.int64), 3
)
DESCENT = DescentSettings(epochs=2, learning_rate=0.01, batch_size=500, seed=1)


def networks(folder: Path) -> tuple[Trained, ...]:
    classifier = TrainedClassifier(ClassifierRecipe(DESCENT), EXAMPLES, folder)
    return classifier, TrainedPurifier(PurifierRecipe(DESCENT, ForeseenAttacks(radii=(0.1,), pgd_steps=1)), classifier)


def test_states_and_networks_beneath_go_there_and_what_is_trained_comes_back(tmp_path: Path) -> None:
    client = tmp_path / "client"
    workers = BlindWorkers(client, tmp_path / "own")
    here, there = networks(client / "here"), networks(client / "there")
    for one in (here, there):
        one[0].path.parent.mkdir(parents=True)
        for planned in rounds(one):
            pieces = [epochs_piece(network, until=until) for network, until in planned]
            if one is here:
                for piece in pieces:
                    piece()
            else:
                do_over_store(pieces, f"memory://{tmp_path.name}", workers, None)
    assert len(workers.orders) == 4, "two networks, an epoch at a time"
    for alone, elsewhere in zip(here, there, strict=True):
        assert alone.path.read_bytes() == elsewhere.path.read_bytes()
