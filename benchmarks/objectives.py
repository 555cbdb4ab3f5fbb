"""What objectives other than an attack attain: by the model on whole grey levels, and in truth.

Asked of the last day of a finished simulated study (`--study`): its model, its clean images, its hidden cortex, and the
same cortex with headroom, whose rates have far to go above those of natural images. Levels are in SD of the model's
responses over the day's clean images, above their mean; true responses in SD of the cortex' over the same images.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.fitted_day import BIOLOGIES, FittedDay, Floats, Images
from closedloop.attacks.aims.kinds import Aim, Alone, Along, AtLevel, Controversial, Drive, HowChanged
from closedloop.attacks.balls import Anywhere
from closedloop.attacks.gradients.estimators import Averaged, Blurred, GradientEstimator, Plain, SoftRelu
from closedloop.attacks.gradients.members import EqualMembers
from closedloop.attacks.gradients.transforms import Shift
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.members import MembersSideBySide
from closedloop.attacks.synthesis.sources import ModelSource
from closedloop.attacks.synthesis.synthesize import synthesize

TOLERANCE = 0.02
TARGETS = (-1.0, 0.0, 1.0, 2.0, 3.0)
BLUR, SHIFT = 0.025, Shift(0.094)  # protocols/ahead.yaml
GRADIENTS: dict[str, GradientEstimator] = {
    "plain": Plain(),
    "blur": Blurred(BLUR),
    "the default (shift + blur)": Blurred(BLUR, Averaged((SHIFT,))),
    "ahead.yaml's": Blurred(BLUR, EqualMembers(SoftRelu(3.0, Averaged((SHIFT,))))),
}
DEFAULT = GRADIENTS["the default (shift + blur)"]
ROUNDING = 1.001
STEP_SCALE = 30.0
"""Of steps without a ball, as an L2 norm at 224 px; they begin at half of it."""
CHANGES: tuple[HowChanged, ...] = ("any", "least")


@dataclass(frozen=True)
class Driven:
    """What is brought to levels: the day's model, or one member of it.

    Attributes
    ----------
    source
        Who answers.
    outputs
        Of its outputs those of the day's sites, in their order.
    natural
        Its responses to the day's clean images, (n_images, n_outputs).
    """

    source: ModelSource
    outputs: list[int]
    natural: Floats

    def in_sd(self, response: Floats, output: NDArray[np.int64]) -> Floats:
        """Return responses of outputs in SD over the clean images, above their mean."""
        return np.asarray((response - self.natural.mean(axis=0)[output]) / self.natural.std(axis=0)[output])


@dataclass(frozen=True)
class Levels:
    """Items, with the clean image, the site's place and the target of each."""

    items: list[AttackItem]
    image: NDArray[np.int64]
    column: NDArray[np.int64]
    target: Floats


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    day = FittedDay(options.study, options.day)
    print(f"{options.study.name}, day {options.day}: {len(day.sites)} sites, {len(day.clean)} clean images\n")
    if "level" in options.of:
        whole = Driven(day.source, day.sites, day.predicted)
        driven = whole if options.member is None else _member(day, options.member)
        report_levels(
            day,
            driven,
            n_images=options.images,
            n_sites=options.sites,
            epsilon=options.cap,
            gradients=options.gradients,
        )
    if "others" in options.of:
        report_others(day, epsilon=options.epsilon, n_images=options.images)
        report_maximised(day)


def report_levels(
    day: FittedDay, driven: Driven, *, n_images: int, n_sites: int, epsilon: float, gradients: Sequence[str]
) -> None:
    """Print how many levels are met on whole grey levels, at what cost, and how the truth follows them."""
    n = n_images * n_sites * len(TARGETS)
    print(f"level: {n} (image, site, target), targets {TARGETS} SD, cap epsilon {epsilon:g}, tolerance {TOLERANCE} SD")
    print(
        "| gradient | change | reachable (missed) | of them within on bytes | all | realised epsilon | ms an item | "
        "true slope, SD per SD, shipped | headroom |\n|---|---|---|---|---|---|---|---|---|"
    )
    for name in gradients:
        for change in CHANGES:
            asked = _levels(day, driven, change, n_images=n_images, n_sites=n_sites, epsilon=epsilon)
            found, seconds = _found(driven.source, asked.items, day.clean, Method(COSINE, GRADIENTS[name]))
            print(f"| {name} | {change} | {_told_levels(day, driven, asked, found, seconds)} |", flush=True)


def _levels(
    day: FittedDay, driven: Driven, change: HowChanged, *, n_images: int, n_sites: int, epsilon: float
) -> Levels:
    sd, mean = driven.natural.std(axis=0), driven.natural.mean(axis=0)
    images = np.random.default_rng(0).permutation(len(day.clean))[:n_images].tolist()
    asked = [(image, column, target) for image in images for column in range(n_sites) for target in TARGETS]
    items = []
    for image, column, target in asked:
        output = driven.outputs[column]
        aim = AtLevel(output, mean[output] + target * sd[output], TOLERANCE * sd[output], change)
        items.append(AttackItem(f"{image} {column} {target}", image, output, epsilon, aim))
    image, column, target = (np.array(values) for values in zip(*asked, strict=True))
    return Levels(items, image, column, target)


def _told_levels(day: FittedDay, driven: Driven, asked: Levels, found: SynthesisResult, seconds: float) -> str:
    n, output = len(asked.items), np.array(driven.outputs)[asked.column]
    by_float = driven.in_sd(found.predicted_clean + found.predicted_change_float, output)
    reachable = np.abs(by_float - asked.target) <= TOLERANCE * ROUNDING
    met = np.abs(driven.in_sd(found.predicted_attacked, output) - asked.target) <= TOLERANCE * ROUNDING
    truth = {biology: day.true_z(found.attacked, biology)[np.arange(n), asked.column] for biology in BIOLOGIES}
    pair = asked.image * len(day.sites) + asked.column
    slopes = [slope_within(true, asked.target, pair) for true in truth.values()]
    missed = ", ".join(
        f"{int((~reachable[asked.target == one]).sum())} of {int((asked.target == one).sum())} at {one:+g}"
        for one in TARGETS
        if not reachable[asked.target == one].all()
    )
    return (
        f"{reachable.mean():.3f} ({missed or 'all'}) | {met[reachable].mean():.3f} | {met.mean():.3f} | "
        f"{found.realised_epsilon.mean():.1f} | {1000 * seconds / n:.0f} | "
        + " | ".join(f"{slope:.2f} [{low:.2f}, {high:.2f}]" for slope, low, high in slopes)
    )


def slope_within(true: Floats, target: Floats, group: NDArray[np.int64]) -> tuple[float, float, float]:
    """Return the slope of true responses on targets within pairs of image and site, and its interval over pairs."""
    groups = [np.flatnonzero(group == one) for one in np.unique(group)]
    products = np.array(
        [
            (
                ((target[own] - target[own].mean()) * (true[own] - true[own].mean())).sum(),
                ((target[own] - target[own].mean()) ** 2).sum(),
            )
            for own in groups
        ]
    )
    draws = np.random.default_rng(0).integers(0, len(groups), (2000, len(groups)))
    resampled = products[draws].sum(axis=1)
    low, high = np.quantile(resampled[:, 0] / resampled[:, 1], [0.025, 0.975])
    return float(products[:, 0].sum() / products[:, 1].sum()), float(low), float(high)


def _member(day: FittedDay, number: int) -> Driven:
    """Return one member of the day's model, by its outputs beside those of the others."""
    members = MembersSideBySide(day.source)
    first = number * day.predicted.shape[1]
    return Driven(members, [first + site for site in day.sites], _responses(members, day.clean))


def report_others(day: FittedDay, *, epsilon: float, n_images: int) -> None:
    """Print what controversial, population and maximise images change, by the model and in truth."""
    images = np.random.default_rng(1).permutation(len(day.clean))[:n_images].tolist()
    print(f"\n{len(images)} images x {len(day.sites)} sites, true change in SD: mean [95 % over images]")
    print("| objective | by the model | shipped | headroom |\n|---|---|---|---|")
    n_outputs, sites = day.predicted.shape[1], day.sites
    members = MembersSideBySide(day.source)
    responses = _responses(members, day.clean)
    for name, aim_of in _aims_of(sites, n_outputs, responses).items():
        source = members if name.startswith("controversial") else day.source
        asked = [(image, column) for image in images for column in range(len(sites))]
        items = [
            AttackItem(f"{image} {column}", image, sites[column], epsilon, aim_of(image, column))
            for image, column in asked
        ]
        found, _ = _found(source, items, day.clean, Method(replace(COSINE, steps=20), DEFAULT))
        after, base = _responses(source, found.attacked), _responses(source, day.clean)
        by_model = _told(name, after - base[[image for image, _ in asked]], asked, sites, n_outputs)
        line = [name, by_model]
        for biology in BIOLOGIES:
            moved = day.true_z(found.attacked, biology) - day.true_z(day.clean, biology)[[image for image, _ in asked]]
            line.append(_told_truth(name, moved, asked))
        print("| " + " | ".join(line) + " |", flush=True)


def report_maximised(day: FittedDay) -> None:
    """Print what images without a ball attain, beside the natural images that they start from."""
    print("\nmaximise, no ball, an image a site: response in SD, mean over sites")
    print("| start | gradient | by the model | true, shipped | true, headroom | sites above the favourite image |")
    print("|---|---|---|---|---|---|")
    favourite = day.predicted[:, day.sites].argmax(axis=0)
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 256, day.clean[: len(day.sites)].shape, dtype=np.uint8)
    sd, mean = day.predicted.std(axis=0)[day.sites], day.predicted.mean(axis=0)[day.sites]
    columns = np.arange(len(day.sites))
    natural = {biology: day.true_z(day.clean[favourite], biology)[columns, columns] for biology in BIOLOGIES}
    own = (day.predicted[favourite, day.sites] - mean) / sd
    truth = " | ".join(f"{value.mean():.2f}" for value in natural.values())
    print(f"| the model's favourite natural image, as it is | | {own.mean():.2f} | {truth} | |")
    starts = {
        "favourite natural image": day.clean[favourite],
        "a clean image": day.clean[: len(day.sites)],
        "noise": noise,
    }
    for name, start in starts.items():
        for gradient in ("plain", "the default (shift + blur)"):
            items = [
                AttackItem(f"{column}", column, site, STEP_SCALE, Drive(site)) for column, site in enumerate(day.sites)
            ]
            search = replace(COSINE, steps=20, random_start=False, step_fraction=0.5)
            found, _ = _found(day.source, items, start, Method(search, GRADIENTS[gradient], Anywhere()))
            true = {biology: day.true_z(found.attacked, biology)[columns, columns] for biology in BIOLOGIES}
            above = " / ".join(str(int((true[one] > natural[one]).sum())) for one in BIOLOGIES)
            by_model = ((found.predicted_attacked - mean) / sd).mean()
            values = " | ".join(f"{value.mean():.2f}" for value in true.values())
            print(f"| {name} | {gradient} | {by_model:.2f} | {values} | {above} of {len(columns)} |", flush=True)


AimOf = Callable[[int, int], Aim]


def _aims_of(sites: Sequence[int], n_outputs: int, responses: Floats) -> dict[str, AimOf]:
    """Return what each objective makes of an image and a site, by the objective's name; A and B are two members."""
    stretch = [1 / len(sites) if output in sites else 0.0 for output in range(n_outputs)]
    return {
        "attack, up": lambda _, column: Drive(sites[column]),
        "controversial, B down": lambda _, column: Controversial(sites[column], n_outputs + sites[column]),
        "controversial, B held": lambda image, column: Controversial(
            sites[column],
            n_outputs + sites[column],
            held=float(responses[image, n_outputs + sites[column]]),
        ),
        "population, one-hot": lambda _, column: Alone(sites[column], among=tuple(sites)),
        "population, stretch": lambda _image, _column: Along(tuple(stretch)),
    }


def _told(name: str, moved: Floats, asked: Sequence[tuple[int, int]], sites: Sequence[int], n_outputs: int) -> str:
    own = np.array([moved[row, sites[column]] for row, (_, column) in enumerate(asked)])
    if name.startswith("controversial"):
        other = np.array([moved[row, n_outputs + sites[column]] for row, (_, column) in enumerate(asked)])
        return f"A {own.mean():+.2f}, B {other.mean():+.2f}"
    return _own_and_others(name, moved[:, list(sites)], asked)


def _told_truth(name: str, moved: Floats, asked: Sequence[tuple[int, int]]) -> str:
    return _own_and_others(name, moved, asked)


def _own_and_others(name: str, moved: Floats, asked: Sequence[tuple[int, int]]) -> str:
    if name.endswith("stretch"):
        return f"all sites {_interval(moved.mean(axis=1), asked)}"
    columns = [column for _, column in asked]
    own = moved[np.arange(len(asked)), columns]
    text = f"site {_interval(own, asked)}"
    if "one-hot" not in name and name != "attack, up":
        return text
    others = (moved.sum(axis=1) - own) / (moved.shape[1] - 1)
    return f"{text}, others {others.mean():+.2f}"


def _interval(values: Floats, asked: Sequence[tuple[int, int]]) -> str:
    image = np.array([image for image, _ in asked])
    of_image = np.array([values[image == one].mean() for one in np.unique(image)])
    draws = np.random.default_rng(0).integers(0, len(of_image), (2000, len(of_image)))
    low, high = np.quantile(of_image[draws].mean(axis=1), [0.025, 0.975])
    return f"{values.mean():+.2f} [{low:+.2f}, {high:+.2f}]"


@torch.no_grad()
def _responses(source: ModelSource, images: Images) -> Floats:
    model = source.load(torch.device("cpu"))
    pixels = torch.from_numpy(np.moveaxis(images, -1, 1).copy()).float() / 255
    return np.concatenate([model(part).double().numpy() for part in pixels.split(128)])


def _found(
    source: ModelSource,
    items: Sequence[AttackItem],
    images: Images,
    method: Method,
) -> tuple[SynthesisResult, float]:
    with tempfile.TemporaryDirectory() as folder:
        source.load(torch.device("cpu"))
        began = time.process_time()
        found = synthesize(
            source,
            items,
            images,
            method=method,
            lattice=LatticeSettings(steps=0),
            directions=(+1,),
            shard_folder=Path(folder),
        )
        seconds = time.process_time() - began
        return replace(found, attacked=np.array(found.attacked)), seconds


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, required=True, help="a finished simulated study, for instance of ahead")
    parser.add_argument("--day", type=int, default=5)
    parser.add_argument("--of", nargs="+", choices=("level", "others"), default=["level", "others"])
    parser.add_argument("--gradients", nargs="+", choices=list(GRADIENTS), default=list(GRADIENTS), metavar="NAME")
    parser.add_argument("--member", type=int, help="bring one member of the model to levels alone, from 0")
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--sites", type=int, default=4, help="sites that levels are asked of")
    parser.add_argument("--cap", type=float, default=30.0, help="epsilon that no level may exceed")
    parser.add_argument("--epsilon", type=float, default=10.0, help="of the other objectives")
    return parser.parse_args()


if __name__ == "__main__":
    main()
