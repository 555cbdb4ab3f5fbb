"""Whether images that evolve by counts go above the natural image that the same counts choose, in hidden truth.

Whole studies through files by `protocols/evolution.yaml`, a simulated subject each. Run: ``python -m benchmarks
evolution --out FOLDER [--subjects NAME ...]``; it resumes, and tells the table of the studies that are
finished.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import closedloop
from closedloop.artifacts.protocol.shipped import shipped_protocols

SUBJECTS = ("simulated", "simulated-1", "simulated-2")


@dataclass(frozen=True)
class SiteOutcome:
    """True responses of a site, in SD of its counted responses to natural images, above their mean.

    Attributes
    ----------
    first, last
        Mean over the images of its first and its last generation.
    mean_image
        The image at the mean of the distribution that the last one is drawn from.
    natural
        The natural image that was chosen by the counts before evolution began.
    measured
        Measured difference of these two, with its 95 % interval.
    """

    name: str
    first: float
    last: float
    mean_image: float
    natural: float
    measured: tuple[float, float, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks evolution", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="studies, one a subject")
    parser.add_argument("--subjects", nargs="+", default=SUBJECTS, metavar="NAME", help="simulated monkeys")
    parser.add_argument("--protocol", type=Path, help="another protocol file than the shipped one")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="other numbers of the protocol")
    parser.add_argument("--table", action="store_true", help="no study is run: the table of those that are there")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    protocol = options.out / "evolution.yaml"
    text = (options.protocol or shipped_protocols()["evolution"]).read_text()
    for key, value in (one.split("=", 1) for one in options.set):
        text, n = re.subn(rf"^( *{re.escape(key)}: )\S+", rf"\g<1>{value}", text, flags=re.MULTILINE)
        if n != 1:
            parser.error(f"--set {key}: expected a key that the protocol has once, found it {n} times")
    protocol.write_text(text)
    folders = {name: options.out / name for name in options.subjects}
    if not options.table:
        for name, folder in folders.items():
            command = [sys.executable, "-m", "closedloop", "dry-run", str(folder), "--protocol", str(protocol)]
            subprocess.run([*command, "--subject", name], check=True, stdout=sys.stderr)
    print("\n".join(line for name, folder in folders.items() for line in _rows(name, folder)))


def _rows(name: str, folder: Path) -> Iterator[str]:
    outcomes = list(_outcomes(folder))
    n = len(outcomes)
    above = {of: sum(getattr(one, of) > one.natural for one in outcomes) for of in ("mean_image", "last")}
    yield f"{name}: {n} sites, true responses in SD over natural images"
    yield "| site | first generation | last generation | image at its mean | natural image | measured difference |"
    yield "|---|---|---|---|---|---|"
    for one in outcomes:
        value, low, high = one.measured
        yield (
            f"| {one.name} | {one.first:.2f} | {one.last:.2f} | {one.mean_image:.2f} | {one.natural:.2f} | "
            f"{value:+.2f} [{low:+.2f}, {high:+.2f}] |"
        )
    means = (
        float(np.mean([getattr(one, of) for one in outcomes])) for of in ("first", "last", "mean_image", "natural")
    )
    yield "| mean | " + " | ".join(f"{mean:.2f}" for mean in means) + " | |"
    yield (
        f"{name}: in truth above the natural image: the image at the last generation's mean at {above['mean_image']}, "
        f"the mean over the generation's images at {above['last']} of {n} sites"
    )


def _outcomes(folder: Path) -> Iterator[SiteOutcome]:
    study = closedloop.open_study(folder)
    shown, gains = study.evolution(truth=True), study.evolution_gains(truth=True)
    shown["true"] = (shown["true_hz"] - shown["natural_mean_hz"]) / shown["natural_sd_hz"]
    for name, own in shown.groupby("neuroid_id", sort=False):
        last = own["generation"].max()
        of = dict(list(own[own["generation"] == last].groupby("kind")))
        gain = gains[gains["neuroid_id"] == name].iloc[-1]
        yield SiteOutcome(
            str(name),
            float(own.loc[(own["kind"] == "evolved") & (own["generation"] == 0), "true"].mean()),
            float(of["evolved"]["true"].mean()),
            float(of["evolved_mean"]["true"].iloc[0]),
            float(of["evolved_natural"]["true"].iloc[0]),
            (float(gain["difference"]), float(gain["low"]), float(gain["high"])),
        )


if __name__ == "__main__":
    main()
