"""Does a site return? x, x + d, P(x) and P(x + d) at the sites of a simulated IT, by its hidden responses.

The attacks are the cortex's own: the largest change there is, so that what is left of it is seen best. Nothing here is
a method that an experiment could use; it says whether one would be worth an animal's time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.analysis.bootstrap import bootstrap_ratio
from closedloop.analysis.predictivity import correlation
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.tables import Columns
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.both_directions import attacks
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.attacks.synthesis.work import Work
from closedloop.defenses.trained_decoder import TrainedDecoder
from closedloop.execution.shards import made_once, shard_name
from closedloop.models.site_model import freeze_for_attack
from closedloop.simulation.chosen_electrodes import model_of_electrodes
from closedloop.studies.purification.documents import SITE_RETURN
from closedloop.studies.simulated_subject import StudySubject

EPSILONS = (2.5, 10.0)

_FORMAT = "purification sites 1"
_ATTACKED = "attacked"
_DAY, _STEPS, _BATCH = 0, 25, 64
_N_ANCHORS, _ANCHORS_A_SITE = 84, 4
_SUBJECT_SEED = 2022  # of protocols/dry_run.yaml: its cortex

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DrivenSites:
    """Attacks by the cortex's own gradient on a few images of every site, a file for all.

    Attributes
    ----------
    folder
        Where the file goes.
    """

    folder: Path

    @cached_property
    def subject(self) -> StudySubject:
        """Whose sites."""
        return StudySubject("simulated", _SUBJECT_SEED, n_anchors=_N_ANCHORS, anchors_a_site=_ANCHORS_A_SITE)

    @property
    def path(self) -> Path:
        """Its file."""
        return self.folder / f"{shard_name(_FORMAT, __version__, repr(self.subject), repr(EPSILONS), _STEPS)}.npz"

    def read(self) -> Bytes:
        """Return attacked images, (n_epsilons, n_pairs, side, side, 3)."""
        return read_shard(self.path, names=(_ATTACKED,))[_ATTACKED]


def leave_driven(driven: DrivenSites) -> None:
    """Attack, unless the file is there, and leave the file.

    Parameters
    ----------
    driven
        Which sites.
    """

    def make(path: Path) -> None:
        subject = driven.subject
        sites, anchors = subject.pairs()
        items = [
            AttackItem(f"purification|{place}|{epsilon:g}", int(anchor), int(site), epsilon)
            for epsilon in EPSILONS
            for place, (site, anchor) in enumerate(zip(sites, anchors, strict=True))
        ]
        model = freeze_for_attack(model_of_electrodes(subject.cortex.response_model(_DAY), subject.sites.tolist()))
        method = Method(replace(COSINE, steps=_STEPS))
        work = Work(items, subject.anchors, method, LatticeSettings(steps=0), (+1, -1), torch.device("cpu"))
        found = dict(attacks(model, work, batch_size=_BATCH))
        rows = [found[place] for place in range(len(items))]
        attacked = np.stack([row.attacked for row in rows])
        write_shard({_ATTACKED: attacked.reshape(len(EPSILONS), len(sites), *attacked.shape[1:])}, path)

    made_once(driven.path, make)


def sites_table(driven: DrivenSites, decoders: tuple[TrainedDecoder, ...]) -> Columns:
    """Return the table `SITE_RETURN`.

    Parameters
    ----------
    driven
        Finished attacks.
    decoders
        Finished purifiers.
    """
    rows = [row for decoder in decoders for row in _rows(driven, decoder)]
    return {name: np.array([row[name] for row in rows]) for name in SITE_RETURN.columns}


def psnr_db(images: Bytes, others: Bytes) -> float:
    """Return the peak signal-to-noise ratio of images to others, mean over images.

    Parameters
    ----------
    images, others
        uint8, (n, side, side, 3).

    Examples
    --------
    >>> round(psnr_db(np.full((1, 2, 2, 3), 100, np.uint8), np.full((1, 2, 2, 3), 110, np.uint8)), 2)
    28.13
    """
    error = ((images.astype(np.float64) - others) ** 2).mean(axis=(1, 2, 3))
    return float((10 * np.log10(255**2 / np.maximum(error, _NO_ERROR))).mean())


def _rows(driven: DrivenSites, decoder: TrainedDecoder) -> Iterator[dict[str, Any]]:
    subject, attacked = driven.subject, driven.read()
    site, anchor = subject.pairs()
    sigma = subject.true_rates_hz(subject.screened, day=_DAY).std(axis=0, ddof=1)
    purified = decoder.purify(subject.anchors)
    before, after = (subject.true_rates_hz(images, day=_DAY) / sigma for images in (subject.anchors, purified))
    for place, epsilon in enumerate(EPSILONS):
        shown, recalled = (
            (subject.true_rates_hz(images, day=_DAY) / sigma)[np.arange(len(site)), site]
            for images in (attacked[place], decoder.purify(attacked[place]))
        )
        clean, cleaned = before[anchor, site], after[anchor, site]
        change = shown - clean
        left = bootstrap_ratio(
            np.sign(change) * (recalled - cleaned),
            np.abs(change),
            image_index=anchor,
            site_index=site,
            seed=derive_seed(place, decoder.cut, "left"),
        )
        yield {
            "cut": decoder.cut,
            "epsilon": epsilon,
            "psnr_db": psnr_db(subject.anchors, purified),
            "attack_psnr_db": psnr_db(subject.anchors[anchor], attacked[place]),
            "correlation": float(np.nanmean(correlation(after, before))),
            "shift": float(np.sqrt(((after - before) ** 2).mean())),
            "driven": float(np.abs(change).mean()),
            "left": left.mean,
            "left_low": left.interval[0],
            "left_high": left.interval[1],
            "gap": float(np.abs(recalled - clean).mean()),
            "n_pairs": len(site),
        }


_NO_ERROR = 1e-6
