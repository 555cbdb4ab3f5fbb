"""Bytes, hours and money of an experiment beyond a laboratory: from what was measured, and from what networks cost.

What the program itself does for a day is fitted to the measured studies: CPU seconds as sums of costs a presentation,
an attack and so on, none of them negative. What networks cost goes by operations a gradient. Two ways are
told: a day of so many images, some of them attacked; and every image attacked for every site at every epsilon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from benchmarks.scaling.measured import Row
from benchmarks.scaling.sizes import CHECK, Size
from benchmarks.scaling.slopes import measured_day

_H, _TB, _GB = 3600.0, 1e12, 1e9
_SPIKE_BYTES = 80  # of one in ingest at its peak: two copies in order, its second, and the file before it is written


@dataclass(frozen=True)
class Work:
    """What a day holds.

    Attributes
    ----------
    presentations, images, attacks
        Shown, made, and made by attacks.
    sites, electrodes, raw, epsilons
        Attacked; counted; with voltage; of the attacks.
    """

    presentations: float
    images: float
    attacks: float
    sites: float
    electrodes: float
    raw: float
    epsilons: float

    @property
    def features(self) -> dict[str, float]:
        """What costs are fitted to."""
        return {
            "a day": 1.0,
            "a presentation": self.presentations,
            "a presentation and electrode": self.presentations * self.electrodes,
            "a presentation and channel of voltage": self.presentations * self.raw,
            "an image": self.images,
            "an image and site": self.images * self.sites,
            "an attack": self.attacks,
            "an epsilon": self.epsilons,
        }


FEATURES = {
    "plan": ("a day", "an image"),
    "schedule": ("a day", "a presentation", "an image"),
    "ingest": ("a day", "a presentation", "a presentation and electrode", "a presentation and channel of voltage"),
    "evaluate": ("a day", "an attack", "an image and site", "a presentation"),
    "queue": ("a day", "an image"),
    "report": ("a day", "an epsilon", "an attack"),
}
"""What each stage of the program goes with; networks are counted by their operations."""


@dataclass(frozen=True)
class Fitted:
    """What a stage costs a thing.

    Attributes
    ----------
    stage
        Which.
    cpu_s
        Of one more, by what.
    off
        Largest relative error of the fitted CPU seconds over the measured studies.
    """

    stage: str
    cpu_s: dict[str, float]
    off: float

    def cost_of(self, work: Work) -> float:
        """Return CPU seconds for a day.

        Parameters
        ----------
        work
            The day.
        """
        return sum(each * work.features[name] for name, each in self.cpu_s.items())


@dataclass(frozen=True)
class Experiment:
    """What is wanted, and what is assumed of it; prices in US dollars.

    Attributes
    ----------
    sites, epsilons, images, days
        Sites that are attacked, epsilons, images a day (clean and attacked), days.
    attacked
        Part of a day's images that are attacked ones, where not every pair is made.
    repetitions, on_off_s, broken
        Presentations an image, seconds of each with its gap, part of the trials that are broken.
    side_px, rate_hz, raw_hz, packet_bytes
        Of images; spikes a second and site; samples a second and channel, 2 bytes each; bytes of a spike in a NEV file.
    steps, epochs
        Gradients of a direction, with those on the lattice; passes of a refit over all images so far.
    gradients_per_s, fitted_per_s
        Of one GPU: image-steps of an attack, images of a refit (forward, both gradients).
    cpu_gradients_per_s, cpu_fitted_per_s
        Of one processor core, for the same network.
    detection
        Channel-seconds of voltage that a CPU second detects in.
    per_gpu_hour, per_cpu_hour, per_tb_month, months
        Prices, and for how long everything is kept.
    """

    sites: int = 1000
    epsilons: int = 10
    images: int = 10_000
    days: int = 30
    attacked: float = 0.8
    repetitions: int = 2
    on_off_s: float = 0.2
    broken: float = 0.2
    side_px: int = 224
    rate_hz: float = 30.0
    raw_hz: float = 30_000.0
    packet_bytes: int = 104
    steps: int = 112
    epochs: int = 5
    gradients_per_s: float = 10_000.0
    fitted_per_s: float = 1_000.0
    cpu_gradients_per_s: float = 5.0
    cpu_fitted_per_s: float = 3.0
    detection: float = 11_500.0
    per_gpu_hour: float = 3.0
    per_cpu_hour: float = 0.05
    per_tb_month: float = 20.0
    months: int = 12

    def day(self, *, every_pair: bool) -> Work:
        """Return a day's work.

        Parameters
        ----------
        every_pair
            Whether each image is attacked for every site at every epsilon, or a part of the day's images is.
        """
        pairs = float(self.images) * self.sites * self.epsilons
        attacks = pairs if every_pair else self.attacked * self.images
        images = self.images + (pairs if every_pair else 0.0)
        raw = 0  # detection in the voltage is counted by what a CPU second does of it
        return Work(self.repetitions * images, images, attacks, self.sites, self.sites, raw, self.epsilons)


def work_of(row: Row) -> Work:
    """Return the work of a measured day.

    Parameters
    ----------
    row
        Of any of its stages after its attacks were made.
    """
    plain = Size(row.axis, row.factor).plain()
    return Work(
        row.n_presentations,
        row.n_images,
        row.n_attacks,
        plain["sites"]["n_sites"],
        plain["simulation"]["n_electrodes"],
        plain["recording"]["raw_electrodes"],
        len(plain["attack"]["epsilons"]),
    )


def fit(rows: Sequence[Row]) -> list[Fitted]:
    """Fit what each stage of the program costs.

    Parameters
    ----------
    rows
        Of all studies; the second day of each counts.
    """
    works = {row.study: work_of(row) for row in rows if row.day == 1 and row.n_presentations}
    found = []
    for stage, names in FEATURES.items():
        day = measured_day(stage)
        own = [row for row in rows if (row.stage, row.day) == (stage, day) and row.study in works]
        own = [row for row in own if row.axis not in {"days", CHECK.axis}]
        if len(own) < len(names):
            continue
        design = np.array([[works[row.study].features[name] for name in names] for row in own])
        cpu_s = _fit(design, [row.cpu_s for row in own])
        off = float(np.abs(design @ cpu_s / [row.cpu_s for row in own] - 1).max())
        found.append(Fitted(stage, dict(zip(names, cpu_s.tolist(), strict=True)), off))
    return found


def _fit(design: np.ndarray, values: Sequence[float]) -> np.ndarray:  # type: ignore[type-arg]
    """Fit costs that are not negative, each study weighing by its part of the cost: small ones count as large ones."""
    target = np.asarray(values, float)
    weight = 1 / np.maximum(target, 1e-3)
    scale = np.abs(design).max(axis=0)
    return nnls(design / scale * weight[:, None], target * weight)[0] / scale


def constants_table(fitted: Sequence[Fitted]) -> Iterator[str]:
    """Yield a row a stage: what one more thing costs.

    Parameters
    ----------
    fitted
        Of all stages.
    """
    yield "| stage | CPU-s | largest error over the studies |"
    yield "|---|---|---|"
    for one in fitted:
        told = ", ".join(f"{value:.2g} {name}" for name, value in one.cpu_s.items() if value > 0)
        yield f"| {one.stage} | {told} | {100 * one.off:.0f} % |"


def check_table(rows: Sequence[Row], fitted: Sequence[Fitted]) -> Iterator[str]:
    """Yield a row a stage: what was foretold of the study that is not among those fitted, and what it took.

    Parameters
    ----------
    rows
        Of all studies.
    fitted
        What each stage costs.
    """
    yield "| stage | CPU-s, foretold | seen |"
    yield "|---|---|---|"
    for one in fitted:
        for row in rows:
            if (row.axis, row.stage, row.day) == (CHECK.axis, one.stage, measured_day(row.stage)):
                yield f"| {one.stage} | {one.cost_of(work_of(row)):.2f} | {row.cpu_s:.2f} |"


def large_table(experiment: Experiment, fitted: Sequence[Fitted]) -> Iterator[str]:
    """Yield bytes, hours and money, a row a stage, of both ways.

    Parameters
    ----------
    experiment
        What is wanted.
    fitted
        What the program's stages cost.
    """
    for every_pair in (False, True):
        yield from _one_way(experiment, fitted, every_pair=every_pair)
        yield ""


def _one_way(wanted: Experiment, fitted: Sequence[Fitted], *, every_pair: bool) -> Iterator[str]:
    day = wanted.day(every_pair=every_pair)
    session_s = day.presentations * wanted.on_off_s / (1 - wanted.broken)
    gradients = day.attacks * 2 * wanted.steps
    passes = wanted.epochs * day.images * wanted.days * (wanted.days + 1) / 2
    stored = {
        "images": day.images * wanted.side_px**2 * 3,
        "voltage": wanted.sites * wanted.raw_hz * 2 * session_s,
        "spikes (NEV)": wanted.sites * wanted.rate_hz * session_s * wanted.packet_bytes,
        "counts": day.presentations * wanted.sites * 4,
    }
    what = "every image attacked for every site at every epsilon" if every_pair else f"{wanted.images:,} images a day"
    yield f"{what}: {day.attacks:,.0f} attacks and {day.presentations:,.0f} presentations a day, {wanted.days} days"
    yield ""
    yield "| stage | a day | all days | money |"
    yield "|---|---|---|---|"
    yield f"| the animal at work | {_hours(session_s)} | {_hours(session_s * wanted.days)} | |"
    attack_rates = wanted.gradients_per_s, wanted.cpu_gradients_per_s
    yield _network("attacks", gradients, rates=attack_rates, wanted=wanted)
    if every_pair:
        yield _disk("images", stored["images"], wanted)
        return
    refit_rates = wanted.fitted_per_s, wanted.cpu_fitted_per_s
    yield _network("refits (a mean day)", passes / wanted.days, rates=refit_rates, wanted=wanted)
    detected_s = wanted.sites * session_s / wanted.detection
    yield _processor("detection in the voltage", detected_s, wanted)
    for one in fitted:
        yield _processor(one.stage, one.cost_of(day), wanted)
    yield from (_disk(name, n_bytes, wanted) for name, n_bytes in stored.items())
    yield f"| images in memory at once: evaluate | {_bytes(stored['images'])} | | |"
    spikes = wanted.sites * wanted.rate_hz * session_s
    yield f"| spikes in memory at once: ingest | {_bytes(spikes * _SPIKE_BYTES)} | | |"


def _network(name: str, n: float, *, rates: tuple[float, float], wanted: Experiment) -> str:
    """Return the row of what a network does `n` times a day, on a GPU or on a processor."""
    money = n * wanted.days / rates[0] / _H * wanted.per_gpu_hour
    said = [f"{_hours(m / rates[0], 'GPU-')} or {_hours(m / rates[1], 'CPU-')}" for m in (n, n * wanted.days)]
    return f"| {name} | {said[0]} | {said[1]} | {money:,.0f} $ |"


def _disk(name: str, n_bytes: float, wanted: Experiment) -> str:
    """Return the row of what a day leaves on disk."""
    money = n_bytes * wanted.days / _TB * wanted.per_tb_month * wanted.months
    kept = f"{money:,.0f} $ in {wanted.months} months"
    return f"| {name} on disk | {_bytes(n_bytes)} | {_bytes(n_bytes * wanted.days)} | {kept} |"


def _processor(name: str, seconds: float, wanted: Experiment) -> str:
    money = seconds * wanted.days / _H * wanted.per_cpu_hour
    return f"| {name} | {_hours(seconds, 'CPU-')} | {_hours(seconds * wanted.days, 'CPU-')} | {money:,.2f} $ |"


def _hours(seconds: float, of: str = "") -> str:
    amount, unit = next(
        (seconds / each, unit)
        for each, unit in ((_H, "h"), (60.0, "min"), (1.0, "s"))
        if seconds >= 2 * each or each == 1
    )
    return f"{amount:,.0f} {of}{unit}" if amount >= 100 else f"{amount:.3g} {of}{unit}"


def _bytes(n: float) -> str:
    return f"{n / _TB:,.3g} TB" if n >= _TB else f"{n / _GB:.3g} GB" if n >= _GB else f"{n / 1e6:.3g} MB"
