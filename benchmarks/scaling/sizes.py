"""The studies that are measured: one small study, and the same with three and ten times as much of one thing."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from closedloop.artifacts.protocol.shipped import shipped_protocols

FACTORS = (1, 3, 10)
N_DAYS = 2
AXES = {
    "sites": "sites that are attacked, and electrodes",
    "voltage": "electrodes whose voltage is recorded, in which spikes are detected again",
    "images": "clean images, anchors, normalizers, and attacked images a site",
    "epsilons": "epsilons of every attack and control",
    "presentations": "repetitions of every image",
    "days": "days of the small study: what day d takes",
}
"""What grows, and by what."""

_ALL_EPSILONS = (1.0, 1.5, 2.0, 2.5, 3.5, 5.0, 6.0, 7.0, 8.5, 10.0)
_EPSILONS = {1: _ALL_EPSILONS[-1:], 3: (1.0, 2.5, 10.0), 10: _ALL_EPSILONS}
_BASE: dict[str, dict[str, Any]] = {
    "images": {
        "clean_per_day": 80,
        "clean_repetitions": 2,
        "anchors": 16,
        "anchor_repetitions": 2,
        "normalizers": 8,
        "normalizer_repetitions": 2,
    },
    "procedural": {"n_categories": 30, "n_per_category": 12},
    "sites": {"n_sites": 4, "min_reliability": 0.0},
    "attack": {"anchors_per_site": 8, "fresh_images_per_site": 8, "repetitions": 2, "first_day": 0},
    "controls": {"n_images": 4, "repetitions": 2},
    "recording": {"raw_electrodes": 1, "raw_days": list(range(N_DAYS))},
    "presentation": {"twin_separation_min": 0.0},
    "trial": {"hours_per_day": 24.0},
    "fit": {"first_epochs": 4, "epochs": 4, "decay_images": None},
    "evaluation": {"white_box_steps": 8, "unit_steps": 8, "n_units": 4},
    "simulation": {"n_electrodes": 12},
}
_GROWING = {
    "sites": (("sites", "n_sites"), ("simulation", "n_electrodes")),
    "voltage": (("recording", "raw_electrodes"),),
    "images": (
        ("images", "clean_per_day"),
        ("images", "anchors"),
        ("images", "normalizers"),
        ("procedural", "n_per_category"),
        ("attack", "anchors_per_site"),
        ("attack", "fresh_images_per_site"),
        ("controls", "n_images"),
    ),
    "presentations": (
        ("images", "clean_repetitions"),
        ("images", "anchor_repetitions"),
        ("images", "normalizer_repetitions"),
        ("attack", "repetitions"),
        ("controls", "repetitions"),
    ),
}


@cache
def _shipped() -> dict[str, Any]:
    plain: dict[str, Any] = yaml.safe_load(shipped_protocols()["dry_run"].read_text())
    return plain


@dataclass(frozen=True)
class Size:
    """One study: what of it is how many times as much as in the small one.

    Attributes
    ----------
    axis
        One of `AXES`; ``all`` for the small study, from which every axis starts; or ``check`` for one with ten times
        the sites and three times the images, by which it is seen whether costs that were fitted to the others hold.
    factor
        How many times as much; of ``days`` how many days.
    """

    axis: str
    factor: int

    @property
    def name(self) -> str:
        """What its folder and its rows are called by."""
        return f"{self.axis}-{self.factor}"

    @property
    def n_days(self) -> int:
        """Days that are run."""
        return self.factor if self.axis == "days" else N_DAYS

    def protocol(self) -> bytes:
        """Return its protocol as a file has it."""
        return yaml.safe_dump(self.plain(), sort_keys=False).encode()

    def plain(self) -> dict[str, Any]:
        """Return its protocol as plain values: `dry_run.yaml` with one network and without probes, made smaller."""
        plain = copy.deepcopy(_shipped())
        del plain["ensemble"], plain["probes"]
        for section, values in copy.deepcopy(_BASE).items():
            plain[section].update(values)
        plain |= {"name": self.name.replace("-", "_"), "days": self.n_days}
        plain["attack"]["gradient"].pop("equal_members")
        plain["attack"]["epsilons"] = list(_EPSILONS[self.factor if self.axis == "epsilons" else 1])
        if self.axis == "days":
            plain["procedural"]["n_per_category"] *= self.factor
            plain["recording"]["raw_days"] = list(range(self.factor))
        grown = {"sites": 10, "images": 3} if self.axis == "check" else {self.axis: self.factor}
        for axis, factor in grown.items():
            for section, name in _GROWING.get(axis, ()):
                plain[section][name] *= factor
        return plain


CHECK = Size("check", 30)
"""Thirty times the attacks of the small study."""


def sizes(axes: tuple[str, ...], *, quick: bool) -> list[Size]:
    """Return the studies of some axes, the dearest first, the small one once.

    Parameters
    ----------
    axes
        Of `AXES`.
    quick
        Without the largest.
    """
    factors = [factor for factor in FACTORS if factor < max(FACTORS) or not quick]
    found = [Size("all", 1)] if quick else [Size("all", 1), CHECK]
    for axis in axes:
        grown = factors[-1:] if axis == "days" else factors[1:]
        found += [Size(axis, factor) for factor in grown]
    return sorted(found, key=lambda size: -size.factor)
