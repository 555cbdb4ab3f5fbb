"""Every number of report/sensitivity.csv and of Figure 2C again, from a study's published tables and docs alone.

Nothing of closedloop is imported: whoever doubts a number can run this, ``python tests/loop/recompute.py STUDY``, or
write it anew from docs/columns.md and section 3.1 of the paper. What networks were asked for (white_box, *_units) is
known to them alone; of these the interval is checked against mean, standard error and n.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import yaml
from scipy import stats

MEASURED = ("paper", "cross_fitted", "gaussian", "linear", "other_site", "yesterday", "sham")
OF_ATTACKS = ("paper", "cross_fitted", "other_site")  # all other estimates have stimuli of their own kind
SIZES = ("gaussian", "linear", "other_site", "sham")  # whose sign nobody foretold: a root mean square


@dataclass
class Day:
    """A day's stimuli, sites (in the model's order) and usable counts: ``counts[image, site]`` is a list."""

    number: int
    stimuli: pd.DataFrame
    sites: list[str]
    counts: dict[tuple[int, int], list[float]]
    window_s: float

    def rate(self, image: int, site: int) -> float:
        own = self.counts.get((image, site), [])
        return float(np.mean(own)) / self.window_s if own else np.nan

    def sigma(self, site: int) -> float:
        rates = [self.rate(image, site) for image in self.rows(kind="clean", role="clean").index]
        return float(np.std([rate for rate in rates if np.isfinite(rate)], ddof=1))

    def rows(self, **equal: object) -> pd.DataFrame:
        kept = self.stimuli
        for name, value in equal.items():
            kept = kept[kept[name] == value]
        return kept


def read_day(study: Path, number: int) -> Day:
    """Join counts, presentations, sites and stimuli of a day."""
    folder = study / f"day-{number:02d}"
    recording = yaml.safe_load((study / "protocol.yaml").read_text())["recording"]
    table = json.loads((folder / "ingest" / "sites.json").read_text())["sites"]
    shown = pd.read_parquet(folder / "ingest" / "responses.parquet")["image_index"].to_numpy()
    with h5py.File(folder / "ingest" / "responses.h5") as file:
        counted = file["counts"][:]
    chosen = sorted(
        (s["site_index"], place, s["neuroid_id"]) for place, s in enumerate(table) if s["site_index"] is not None
    )
    counts: dict[tuple[int, int], list[float]] = {}
    for site, place, _ in chosen:
        for image, count in zip(shown.tolist(), counted[:, place].tolist(), strict=True):
            if np.isfinite(count):
                counts.setdefault((image, site), []).append(count)
    stimuli = pd.read_parquet(folder / "synthesize" / "stimuli.parquet").set_index("image_index")
    window_s = (recording["window_stop_ms"] - recording["window_start_ms"]) / 1000
    return Day(number, stimuli, [name for _, _, name in chosen], counts, window_s)


def all_halves(values: list[float]) -> list[tuple[Fraction, Fraction]]:
    """Return the means of both halves, for every way to halve the values; of an odd number either is larger."""
    whole = range(len(values))
    found = []
    for size in sorted({len(values) // 2, len(values) - len(values) // 2}):
        for half in combinations(whole, size):
            inside = [Fraction(int(values[i])) for i in half]
            outside = [Fraction(int(values[i])) for i in whole if i not in half]
            found.append((sum(inside) / len(inside), sum(outside) / len(outside)))
    return found


def value_of_pair(day: Day, estimate: str, *, image: int, clean: int, site: int, sign: int) -> float:
    """Return what a pair contributes to an estimate, in units of sigma, or of its square; NaN if nothing."""
    x, y = day.counts.get((clean, site), []), day.counts.get((image, site), [])
    unit = day.window_s * day.sigma(site)
    if estimate in ("paper", "yesterday"):
        return sign * (np.mean(y) - np.mean(x)) / unit if x and y else np.nan
    if min(len(x), len(y)) < 2:
        return np.nan
    if estimate == "cross_fitted":
        sizes = [
            np.sign(float(ya - xa)) * float(yb - xb) for (xa, xb), (ya, yb) in product(all_halves(x), all_halves(y))
        ]
        return float(np.mean(sizes)) / unit
    noise = np.var(x, ddof=1) / len(x) + np.var(y, ddof=1) / len(y)
    return float((np.mean(y) - np.mean(x)) ** 2 - noise) / unit**2


def sites_of(estimate: str, made_for: int, *, n_sites: int) -> list[int]:
    """Return the sites at which an image is evaluated; of outputs without an electrode there are none."""
    if estimate in ("gaussian", "linear", "sham"):
        return list(range(n_sites))
    return [site for site in range(n_sites) if (site == made_for) != (estimate == "other_site")]


def summary(values: list[float], images: list[int], sites: list[int], *, rooted: bool) -> dict[str, float]:
    """Return mean, standard error clustered by image and Student's interval, or the signed roots of these."""
    frame = pd.DataFrame({"value": values, "image": images, "site": sites}).dropna()
    mean, n_images = frame["value"].mean(), frame["image"].nunique()
    of_image = (frame["value"] - mean).groupby(frame["image"]).sum()
    error = np.sqrt(n_images / (n_images - 1) * (of_image**2).sum()) / len(frame) if n_images > 1 else np.nan
    half = stats.t.ppf(0.975, df=n_images - 1) * error if n_images > 1 else np.nan
    found = {"mean": mean, "standard_error": error, "interval_low": mean - half, "interval_high": mean + half}
    if rooted:
        root = {name: np.sign(value) * np.sqrt(abs(value)) for name, value in found.items()}
        ends = [np.sign(value) * np.sqrt(abs(value)) for value in (mean - 2 * error, mean + 2 * error)]
        found = {**root, "standard_error": max(abs(end - root["mean"]) for end in ends) / 2}
    return {**found, "n_images": n_images, "n_sites": frame["site"].nunique()}


def sensitivity(study: Path) -> pd.DataFrame:
    """Return the measured rows of sensitivity.csv, and those of the hidden truth where it is published."""
    rows = []
    for number in range(len(list(study.glob("day-*/evaluate/manifest.json")))):
        day = read_day(study, number)
        role = "anchor" if len(day.rows(kind="attacked", role="anchor")) else "clean"
        asked = yaml.safe_load((study / "protocol.yaml").read_text())["evaluation"].get("other_site", False)
        for estimate in (one for one in MEASURED if asked or one != "other_site"):
            kind = "attacked" if estimate in OF_ATTACKS else estimate
            changed = day.rows(kind=kind, role=role) if role == "anchor" else day.rows(kind=kind)
            for epsilon, own in changed.groupby("epsilon"):
                pairs = [
                    (image, int(row["clean_index"]), site, int(row["predicted_sign"]))
                    for image, row in own.iterrows()
                    for site in sites_of(estimate, int(row["site_index"]), n_sites=len(day.sites))
                ]
                values = [
                    value_of_pair(day, estimate, image=image, clean=clean, site=site, sign=sign)
                    for image, clean, site, sign in pairs
                ]
                images, sites = [pair[1] for pair in pairs], [pair[2] for pair in pairs]
                found = summary(values, images, sites, rooted=estimate in SIZES)
                rows.append({"day": number, "epsilon": epsilon, "estimate": estimate, **found})
        rows += true_rows(study, number, role)
    return pd.DataFrame(rows)


def true_rows(study: Path, number: int, role: str) -> list[dict[str, object]]:
    """Return mean |true change| over the attacks, from the published pairs of a simulated study."""
    pairs = pd.read_parquet(study / f"day-{number:02d}" / "evaluate" / "pairs.parquet").dropna(subset=["true_change"])
    own = pairs[(pairs["kind"] == "attacked") & (pairs["role"] == role)]
    images, sites = own["image_id"].factorize()[0], own["neuroid_id"].factorize()[0]
    return [
        {"day": number, "epsilon": epsilon, "estimate": "true"}
        | summary(group["true_change"].abs().tolist(), images[rows], sites[rows], rooted=False)
        for epsilon, group in own.groupby("epsilon")
        if len(rows := own.index.get_indexer(group.index))
    ]


def figure_2c(study: Path, number: int) -> pd.DataFrame | None:
    """Return rates and rises of the driven sites, their means with intervals over sites, and the preferred level."""
    day = read_day(study, number)
    attacked = day.rows(kind="attacked")
    epsilons = sorted(attacked["epsilon"].unique())
    rates, preferred = {}, {}
    for site, name in enumerate(day.sites):
        whole = []
        for clean, own in attacked[attacked["site_index"] == site].groupby("clean_index"):
            raised = own[own["predicted_sign"] > 0].sort_values("epsilon")
            values = [day.rate(int(clean), site), *(day.rate(int(image), site) for image in raised.index)]
            if raised["epsilon"].tolist() == epsilons and np.isfinite(values).all():
                whole.append(values)
        clean_images = day.rows(kind="clean", role="clean")
        of_image = pd.Series([day.rate(int(image), site) for image in clean_images.index])
        level = of_image.groupby(clean_images["category"].to_numpy()).mean().max()
        if whole and np.isfinite(level):
            rates[name], preferred[name] = np.mean(whole, axis=0), float(level)
    if not rates:
        return None
    rows: list[tuple[str, str, float, float, float, float]] = []
    table = np.array(list(rates.values()))
    for panel, values in (("Rate", table), ("Rise over the same images, clean", table - table[:, :1])):
        for name, own in zip(rates, values, strict=True):
            rows += [(panel, name, x, y, np.nan, np.nan) for x, y in zip([0.0, *epsilons], own, strict=True)]
        half = np.zeros(values.shape[1])
        if len(values) > 1:
            half = stats.t.ppf(0.975, df=len(values) - 1) * stats.sem(values, axis=0)
        mean = values.mean(axis=0)
        rows += [(panel, "mean", *row) for row in zip([0.0, *epsilons], mean, mean - half, mean + half, strict=True)]
    for name, own in rates.items():
        above = np.flatnonzero(own >= preferred[name])
        if above.size:
            x, y = np.array([0.0, *epsilons]), own
            after = max(int(above[0]), 1)
            part = np.interp(preferred[name], y[after - 1 : after + 1], x[after - 1 : after + 1]) if above[0] else 0.0
            reached = float(f"{part:.6g}")  # as the file spells it
            rows.append(("Rate", f"{name} reaches its own level", reached, preferred[name], np.nan, np.nan))
    level, sd = np.mean(list(preferred.values())), np.std(list(preferred.values()), ddof=1) if len(rates) > 1 else 0.0
    rows.append(("Rate", "preferred category, mean ± SD over sites", np.nan, level, level - sd, level + sd))
    return pd.DataFrame(rows, columns=["panel", "series", "x", "y", "interval_low", "interval_high"])


def differences(study: Path) -> list[str]:
    """Return every published number that is not what this script finds."""
    found = []
    published = pd.read_csv(study / "report" / "sensitivity.csv")
    keys, numbers = ["day", "epsilon", "estimate"], list(published.columns[3:])
    own = sensitivity(study)
    both = published.merge(own, on=keys, how="outer", suffixes=("", "_own"), indicator=True)
    for row in both.to_dict("records"):
        place = " ".join(str(row[key]) for key in keys)
        known_to_networks = row["estimate"] == "white_box" or row["estimate"].endswith("_units")
        if known_to_networks:
            half = stats.t.ppf(0.975, df=row["n_images"] - 1) * row["standard_error"]
            row |= {f"{name}_own": row[name] for name in numbers}
            row |= {"interval_low_own": row["mean"] - half, "interval_high_own": row["mean"] + half}
        elif row["_merge"] != "both":
            found.append(f"sensitivity.csv {place}: {row['_merge']}")
            continue
        found += [
            f"sensitivity.csv {place} {name}: {row[name]} published, {row[f'{name}_own']} found"
            for name in numbers
            if not np.isclose(row[name], row[f"{name}_own"], rtol=2e-5, atol=2e-6, equal_nan=True)
        ]
    for number in sorted(set(published["day"])):
        drawn = pd.read_csv(study / "report" / f"day-{number:02d}-figures.csv")
        drawn = drawn[drawn["figure"] == "Rates against the preferred category"].reset_index(drop=True)
        again = figure_2c(study, number)
        if (again is None) != drawn.empty:
            found.append(f"Figure 2C of day {number}: drawn or not")
        if again is None:
            continue
        order = ["panel", "series", "x"]
        merged = drawn.merge(again, on=order, how="outer", suffixes=("", "_own"), indicator=True)
        for row in merged.to_dict("records"):
            place = f"Figure 2C day {number} {row['panel']} {row['series']} {row['x']}"
            if row["_merge"] != "both":
                found.append(f"{place}: {row['_merge']}")
            found += [
                f"{place} {name}: {row[name]} drawn, {row[f'{name}_own']} found"
                for name in ("y", "interval_low", "interval_high")
                if not np.isclose(row[name], row[f"{name}_own"], rtol=2e-5, atol=2e-4, equal_nan=True)
            ]
    return found


if __name__ == "__main__":
    wrong = differences(Path(sys.argv[1]))
    sys.stdout.write("\n".join([*wrong, "" if wrong else "Every number is what the published tables say.\n"]))
    sys.exit(1 if wrong else 0)
