"""A few images, what an attack makes of them, and what is recalled: with what each defence reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop.defenses.carso import Carso
from closedloop.defenses.labelled import LabelledImages
from closedloop.defenses.port import aggregate, draw_latent
from closedloop.defenses.trained import load_defense
from closedloop.studies.purification.networks import Networks
from closedloop.studies.purification.settings import ADAPTIVE, AttackSettings
from closedloop.studies.purification.shards import DefenseShard, attacked_images, recall_seeds

_SHOWN_RECALLS = 3


@dataclass(frozen=True)
class RecallRow:
    """An image as it is, attacked, and recalled.

    Attributes
    ----------
    images
        In [0, 1], (height, width) each.
    titles, answers, right
        What each is, what is read from it, and whether that is the true class.
    """

    images: tuple[NDArray[np.float32], ...]
    titles: tuple[str, ...]
    answers: tuple[str, ...]
    right: tuple[bool, ...]


def picture_rows(
    data: LabelledImages, networks: Networks, settings: AttackSettings, *, radius: float, n_images: int
) -> list[RecallRow]:
    """Return rows of CARSO's first test images: under PGD, and under the adaptive attack.

    Parameters
    ----------
    data
        Images and the names of classes.
    networks
        Finished.
    settings
        How to attack.
    radius
        Of the attacks.
    n_images
        How many.
    """
    classifier, purifier = networks.defense("carso")
    network, defense = load_defense(classifier, purifier)
    if not isinstance(defense, Carso):
        raise TypeError(f"expected a defence that recalls, found {type(defense).__name__}")
    rows = range(min(n_images, len(data.test.classes)))
    images, classes = data.test.tensors(slice(rows.start, rows.stop))
    shard = DefenseShard("carso", classifier, purifier, data.test, rows, radius, settings, networks.plain.folder)
    found = attacked_images(shard, network, defense, images, classes)
    latent = draw_latent(recall_seeds(settings, rows), n_recalls=settings.recalls, n_latent=defense.n_latent)
    with torch.no_grad():
        return [
            _row(
                data,
                defense,
                images[one],
                true=int(classes[one]),
                attacked={"PGD": found["pgd"][one], ADAPTIVE: found[ADAPTIVE][one]},
                latent=latent[one],
            )
            for one in rows
        ]


def _row(
    data: LabelledImages, defense: Carso, image: Tensor, *, true: int, attacked: dict[str, Tensor], latent: Tensor
) -> RecallRow:
    cells: list[tuple[Tensor, str, int]] = []
    for name, shown in {"image": image, **attacked}.items():
        recalls, logits = defense.sample(shown[None], latent[None])[0], defense.predict(shown[None], latent[None])
        cells.append((shown, name, int(defense.classifier(shown[None]).argmax())))
        answer = int(aggregate(logits, "mode").argmax())
        n = 1 if name == "image" else _SHOWN_RECALLS
        cells += [
            (recall, "recalled" if n == 1 else f"recall {place + 1}", answer)
            for place, recall in enumerate(recalls[:n])
        ]
    return RecallRow(
        tuple(shown.view(data.side_px).numpy() for shown, _, _ in cells),
        tuple(title for _, title, _ in cells),
        tuple(data.classes[answer] for _, _, answer in cells),
        tuple(answer == true for _, _, answer in cells),
    )
