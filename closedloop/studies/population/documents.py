"""The documents of the study: what it was made from, and the tables of what was found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import Column, TableLayout


class PopulationStudy(Document):
    """settings.json: what attacks do to the decoding of category, from which study."""

    kind: Literal["population_study"] = "population_study"
    code_version: str
    seed: int
    study: str = Field(description="its folder, or that a study was made")
    subject: str
    protocol: str = Field(description="its name")
    days: tuple[int, ...] = Field(description="that were decoded")
    n_sites: int
    categories: tuple[str, ...]
    n_taught: int = Field(description="fresh clean images that decoders are fitted to")
    shrinkage: float = Field(description="of the covariance of the decoder of all of them")
    n_repetitions: int = Field(description="of every mean that is decoded")
    n_left_out: int = Field(description="presentations without a response at one of the sites")
    accuracy: float = Field(description="of the images taught, cross-validated, all their repetitions averaged")
    accuracy_low: float = Field(description="95 % interval over images")
    accuracy_high: float = Field(description="its upper end")
    chance: float = Field(description="the same after shuffling the categories, mean over shuffles")
    chance_low: float = Field(description="95 of 100 shuffles are from here")
    chance_high: float = Field(description="to here")
    truth: bool = Field(description="whether the hidden cortex of a simulated study was asked too")


DECODING = TableLayout(
    kind="population_decoding",
    columns={
        "kind": Column(
            "string", "", "of change: clean, attacked (single sites), gaussian, linear, sham, population_*, decoder_*"
        ),
        "epsilon": Column("float64", "224-px L2", "budget; 0 of clean images and shams"),
        "truth": Column("bool", "", "of the hidden cortex, without measurement noise; simulation only"),
        "accuracy": Column("float64", "", "part decoded rightly, by decoders that have not seen the image"),
        "accuracy_low": Column("float64", "", "95 % interval over images"),
        "accuracy_high": Column("float64", "", "its upper end"),
        "clean": Column("float64", "", "the same of the clean images beneath, of the same sessions, as often repeated"),
        "lost": Column("float64", "", "clean minus changed, on the same images"),
        "lost_low": Column("float64", "", "95 % interval over images"),
        "lost_high": Column("float64", "", "its upper end"),
        "margin_lost": Column("float64", "nats", "mean margin, clean minus changed"),
        "margin_lost_low": Column("float64", "nats", "95 % interval over images"),
        "margin_lost_high": Column("float64", "nats", "its upper end"),
        "moved": Column("float64", "sd", "RMS movement of a site, mean over all sites, noise's part taken out"),
        "moved_low": Column("float64", "sd", "95 % interval over images, of the square, rooted"),
        "moved_high": Column("float64", "sd", "its upper end"),
        "lost_per_sd": Column("float64", "1/sd", "lost over moved"),
        "lost_per_sd_low": Column("float64", "1/sd", "95 % interval; NaN where movement is within 3 errors of 0"),
        "lost_per_sd_high": Column("float64", "1/sd", "its upper end"),
        "n_images": Column("int32", "", "different clean images"),
        "n_stimuli": Column("int32", "", "changed images"),
    },
)

REDUNDANCY = TableLayout(
    kind="population_redundancy",
    columns={
        "kind": Column(
            "string", "", "of change; clean_same, clean_other: to another clean image of the same category, or not"
        ),
        "epsilon": Column("float64", "224-px L2", "budget; 0 of pairs of clean images"),
        "space": Column("string", "", "row_space, main_axes (most of the weight), margin (an image's own direction)"),
        "n_axes": Column("int32", "", "directions of the space"),
        "n_sites": Column("int32", "", "directions in all"),
        "seen": Column("float64", "", "part of the squared movement along them; the rest is the decoder's null space"),
        "seen_low": Column("float64", "", "95 % interval over images; NaN where movement is within 3 errors of 0"),
        "seen_high": Column("float64", "", "its upper end"),
        "random": Column("float64", "", "of a random direction: axes over sites"),
        "random_low": Column("float64", "", "95 of 100 means of as many random directions are from here"),
        "random_high": Column("float64", "", "to here"),
        "n_stimuli": Column("int32", "", "changed images"),
    },
)

BY_CATEGORY = TableLayout(
    kind="population_by_category",
    columns={
        "category": Column("string", "", "its name"),
        "kind": Column("string", "", "of change; clean: the images taught, cross-validated"),
        "epsilon": Column("float64", "224-px L2", "budget; 0 of clean images"),
        "accuracy": Column("float64", "", "part decoded rightly"),
        "n_stimuli": Column("int32", "", "images"),
    },
)

SEALED = TableLayout(
    kind="population_sealed",
    columns={
        "kind": Column("string", "", "population or population_noise"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "decoded_clean": Column("float64", "", "part of clean images that the day's sealed decoder reads rightly"),
        "decoded_changed": Column("float64", "", "and of changed ones, as often repeated"),
        "lost": Column("float64", "", "clean minus changed"),
        "lost_low": Column("float64", "", "95 % interval over images"),
        "lost_high": Column("float64", "", "its upper end"),
        "margin_lost": Column("float64", "nats", "mean margin, clean minus changed"),
        "margin_lost_low": Column("float64", "nats", "95 % interval over images"),
        "margin_lost_high": Column("float64", "nats", "its upper end"),
        "predicted_loss": Column("float64", "nats", "what the sealed model predicted of that"),
        "n_stimuli": Column("int32", "", "changed images, all days"),
    },
)
