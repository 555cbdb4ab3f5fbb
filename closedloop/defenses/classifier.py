"""The slides' classifier: fully connected, 784-200-80-10, and the representation that a purifier recalls from.

Decoded: "Representation size: 290" is 200 + 80 + 10, so that the "3 hidden layers" count the output; 174,450 trainable
parameters, ten times the "17.5k" of the slide.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

HIDDEN = (200, 80)
_DROPOUT = 0.15  # the slides' "~ 0.15-dropout"


class Classifier(nn.Module):
    """Images as rows of values in [0, 1] to class scores; a `Defense` that recalls nothing.

    Attributes
    ----------
    n_values, n_classes
        Of an image, and of the answer.
    """

    def __init__(self, n_values: int, n_classes: int) -> None:
        super().__init__()
        self.n_values, self.n_classes = n_values, n_classes
        first, second = HIDDEN
        self.first, self.second = _layer(n_values, first), _layer(first, second)
        self.scores = nn.Linear(second, n_classes)

    @property
    def n_latent(self) -> int:
        """None: the image itself is classified."""
        return 0

    @property
    def n_represented(self) -> int:
        """Values of the representation."""
        return sum(HIDDEN) + self.n_classes

    def forward(self, images: Tensor) -> Tensor:
        """Return class scores, (n, n_classes)."""
        return self.represent(images)[:, -self.n_classes :]

    def represent(self, images: Tensor) -> Tensor:
        """Return all layers' outputs side by side, the class scores last, (n, n_represented)."""
        first = self.first(images)
        second = self.second(first)
        return torch.cat([first, second, self.scores(second)], dim=1)

    def sample(self, images: Tensor, latent: Tensor) -> Tensor:  # noqa: ARG002 - the port's
        """Return the images themselves, (n, 1, n_values).

        Parameters
        ----------
        images, latent
            See `Defense.sample`.
        """
        return images[:, None]

    def predict(self, images: Tensor, latent: Tensor) -> Tensor:  # noqa: ARG002 - the port's
        """Return the scores of the images themselves, (n, 1, n_classes).

        Parameters
        ----------
        images, latent
            See `Defense.predict`.
        """
        scores: Tensor = self(images)
        return scores[:, None]


def untrained_classifier(n_values: int, n_classes: int, *, seed: int) -> Classifier:
    """Return a classifier with random weights.

    Parameters
    ----------
    n_values
        Of an image.
    n_classes
        Classes.
    seed
        Of the weights.

    Examples
    --------
    >>> network = untrained_classifier(784, 10, seed=0)
    >>> sum(weights.numel() for weights in network.parameters()), network.n_represented
    (174450, 290)
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(n_values, n_classes)


def _layer(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.Mish(), nn.Dropout(_DROPOUT))
