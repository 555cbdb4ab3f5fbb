"""The documents of the study: what was asked, and the tables of what was found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import Column, TableLayout


class PurificationStudy(Document):
    """settings.json: purification (CARSO), what was trained on what and how it was attacked."""

    kind: Literal["purification_study"] = "purification_study"
    code_version: str
    seed: int
    data: str = Field(description="what the images are")
    side_px: tuple[int, int] = Field(description="height and width of an image")
    classes: tuple[str, ...]
    n_train: int
    n_test: int = Field(description="images that are attacked")
    n_repeated: int = Field(default=0, description="images left out of these, as they are trained on byte by byte")
    epochs: int = Field(description="passes through the images, of every training")
    recalls: int = Field(description="recalls of an image, when a defence is judged")
    radii: tuple[float, ...] = Field(description="largest change of a value, of a range of 1")
    foreseen: tuple[float, ...] = Field(description="radii that the trainings attack at")
    pgd_steps: int
    apgd_steps: int = Field(description="of each of its two losses")
    adaptive_steps: int = Field(description="from each of its two starts")
    adaptive_recalls: int = Field(description="recalls that a gradient of the adaptive attack is averaged over")
    has_sites: bool = Field(description="whether sites of a simulated IT were asked")


DEFENSE_ACCURACY = TableLayout(
    kind="defense_accuracy",
    columns={
        "defense": Column("string", "", "none, adversarial, carso, or carso_plain: CARSO without adversarial training"),
        "attack": Column("string", "", "its name; clean: none; worst: clean and every attack of this radius"),
        "radius": Column("float64", "", "largest change of a value, of a range of 1; 0: clean"),
        "accuracy": Column("float64", "", "part of the images that are answered rightly, by the mode of all recalls"),
        "low": Column("float64", "", "95 % interval over images (Wilson)"),
        "high": Column("float64", "", "its other end"),
        "n_images": Column("int32", "", "images that were attacked"),
    },
)

RECALL_ACCURACY = TableLayout(
    kind="recall_accuracy",
    columns={
        "defense": Column("string", "", "carso or carso_plain"),
        "attack": Column("string", "", "its name"),
        "radius": Column("float64", "", "largest change of a value; 0: clean"),
        "rule": Column("string", "", "how recalls become one answer: mode, logits or probabilities"),
        "n_recalls": Column("int32", "", "recalls that were used of each image"),
        "accuracy": Column("float64", "", "part of the images that are answered rightly"),
        "low": Column("float64", "", "95 % interval over images (Wilson)"),
        "high": Column("float64", "", "its other end"),
    },
)

SITE_RETURN = TableLayout(
    kind="site_return",
    columns={
        "cut": Column("string", "", "layer of the network whose features the decoder recalls from"),
        "epsilon": Column("float64", "224-px L2", "of the attacks that the site is driven by"),
        "psnr_db": Column("float64", "dB", "of purified clean images against the images"),
        "attack_psnr_db": Column("float64", "dB", "of the attacked images against the images"),
        "correlation": Column(
            "float64", "", "over images, of the sites' response to P(x) with that to x, mean of sites"
        ),
        "shift": Column("float64", "sigma", "root mean square of r(P(x)) - r(x): what purifying alone does"),
        "driven": Column("float64", "sigma", "mean of |r(x + d) - r(x)|: what the attack does"),
        "left": Column("float64", "", "part of that which is left: of r(P(x + d)) - r(P(x)), along the attack's way"),
        "left_low": Column("float64", "", "95 % interval, images and sites drawn"),
        "left_high": Column("float64", "", "its other end"),
        "gap": Column("float64", "sigma", "mean of |r(P(x + d)) - r(x)|: how far the site is from where x leaves it"),
        "n_pairs": Column("int32", "", "(site, image) pairs"),
    },
)
