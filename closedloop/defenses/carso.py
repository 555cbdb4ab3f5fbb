"""CARSO: a conditional variational autoencoder that recalls clean images from a classifier's representation.

Slides "Counteradversarial recall of synthetic observations" (Ballarin 2022). Trained, it encodes image and
representation; asked, it draws from the prior and decodes under the representation alone, and the same classifier
reads the recalls. Widths and BatchNorm are those that give the slides' numbers of parameters: pre-encoder of the input
503,884 ("~ 0.5m"), of the representation 61,429 ("~ 61k"), encoder 82,284 ("~ 80k"), mean and spread 5,289 each
("~ 5.3k"). The decoder has 1.79 million where the slide says 2.1.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from closedloop.defenses.classifier import Classifier

N_LATENT = 41  # 128 * 41 + 41 = 5,289
_CONDITION = 128
_INPUT, _ENCODER, _DECODER = 512, 180, (640, 1180)
_LEAK = 0.01


class Encoded(NamedTuple):
    """What an image is encoded to: the recall's mean and log variance, (n, N_LATENT), and its logits (n, n_values)."""

    mean: Tensor
    log_variance: Tensor
    logits: Tensor


class Purifier(nn.Module):
    """The autoencoder; it never sees a class.

    Attributes
    ----------
    n_values, n_represented
        Of an image, and of the classifier's representation.
    """

    def __init__(self, n_values: int, n_represented: int) -> None:
        super().__init__()
        self.n_values, self.n_represented = n_values, n_represented
        quarter = n_values // 4  # 196 of 784
        self.input_pre_encoder = _layers(n_values, _INPUT, quarter)
        self.representation_pre_encoder = _layers(n_represented, n_represented // 2, _CONDITION)
        self.encoder = _layers(quarter + _CONDITION, _ENCODER, _CONDITION)
        self.mean = nn.Linear(_CONDITION, N_LATENT)
        self.log_variance = nn.Linear(_CONDITION, N_LATENT)
        self.decoder = nn.Sequential(*_layers(N_LATENT + _CONDITION, *_DECODER), nn.Linear(_DECODER[-1], n_values))

    def forward(self, images: Tensor, representation: Tensor, noise: Tensor) -> Encoded:
        """Encode images, draw, and decode: what training asks for.

        Parameters
        ----------
        images
            As the classifier saw them, (n, n_values).
        representation
            What it made of them, (n, n_represented).
        noise
            Standard normal, (n, N_LATENT).
        """
        condition = self.representation_pre_encoder(representation)
        encoded = self.encoder(torch.cat([self.input_pre_encoder(images), condition], dim=1))
        mean, log_variance = self.mean(encoded), self.log_variance(encoded)
        latent = mean + noise * (0.5 * log_variance).exp()
        return Encoded(mean, log_variance, self.decoder(torch.cat([latent, condition], dim=1)))

    def recall(self, representation: Tensor, latent: Tensor) -> Tensor:
        """Decode draws from the prior under a representation, (n, n_recalls, n_values), in [0, 1].

        Parameters
        ----------
        representation
            (n, n_represented).
        latent
            (n, n_recalls, N_LATENT).
        """
        condition = self.representation_pre_encoder(representation)
        repeated = condition[:, None].expand(-1, latent.shape[1], -1)
        rows = torch.cat([latent, repeated], dim=2).flatten(0, 1)
        recalled: Tensor = self.decoder(rows).sigmoid().view(len(latent), latent.shape[1], self.n_values)
        return recalled


class Carso(nn.Module):
    """A classifier that reads recalls of an image in the image's place; a `Defense`.

    Attributes
    ----------
    classifier
        Whose representation is recalled from, and which reads the recalls.
    purifier
        That recalls.
    """

    def __init__(self, classifier: Classifier, purifier: Purifier) -> None:
        super().__init__()
        self.classifier, self.purifier = classifier, purifier

    @property
    def n_latent(self) -> int:
        """Numbers that a recall is drawn by."""
        return N_LATENT

    def sample(self, images: Tensor, latent: Tensor) -> Tensor:
        """Return recalls of images, (n, n_recalls, n_values).

        Parameters
        ----------
        images, latent
            See `Defense.sample`.
        """
        return self.purifier.recall(self.classifier.represent(images), latent)

    def predict(self, images: Tensor, latent: Tensor) -> Tensor:
        """Return the scores of the recalls, (n, n_recalls, n_classes).

        Parameters
        ----------
        images, latent
            See `Defense.predict`.
        """
        recalls = self.sample(images, latent)
        scores: Tensor = self.classifier(recalls.flatten(0, 1))
        return scores.view(*recalls.shape[:2], -1)


def untrained_purifier(n_values: int, n_represented: int, *, seed: int) -> Purifier:
    """Return a purifier with random weights.

    Parameters
    ----------
    n_values
        Of an image.
    n_represented
        Of the classifier's representation.
    seed
        Of the weights.

    Examples
    --------
    >>> parts = untrained_purifier(784, 290, seed=0)
    >>> [sum(weights.numel() for weights in part.parameters())
    ...  for part in (parts.input_pre_encoder, parts.representation_pre_encoder, parts.encoder, parts.mean)]
    [503884, 61429, 82284, 5289]
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Purifier(n_values, n_represented)


def _layers(*widths: int) -> nn.Sequential:
    parts = [(nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.LeakyReLU(_LEAK)) for n_in, n_out in pairwise(widths)]
    return nn.Sequential(*(layer for part in parts for layer in part))
