"""Attacks on a decoder of category: the sealed decoder and predictions, and what became of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import ArrayLayout, Column, Dataset, TableLayout


class SealedDecoder(Document):
    """decoder.json: the decoder that the day's population attacks are to mislead, sealed before they are shown.

    Its numbers are in decoder.h5, in the order of the categories here: score of a category = weights . z + offset, z
    being the sites' responses in SD over the session's normalizers, as the site model predicts them.
    """

    kind: Literal["sealed_decoder"] = "sealed_decoder"
    day: int = Field(ge=0, description="on which it is used; fitted to the days before")
    days: tuple[int, ...] = Field(description="whose clean images it is fitted to")
    categories: tuple[str, ...]
    n_images: int = Field(description="clean images, fresh ones alone; no anchor among them")
    n_sites: int = Field(description="that it reads: those with a response to every one of these images")
    shrinkage: float = Field(description="of the covariance, by Ledoit and Wolf")
    accuracy: float = Field(
        description="of images that it was not fitted to, cross-validated, all repetitions averaged"
    )
    chance: float = Field(description="the same after shuffling the categories, mean over shuffles")


DECODER = ArrayLayout(
    kind="sealed_decoder_weights",
    datasets={
        "weights": Dataset("float64", ("category", "site"), "nats / z"),
        "offsets": Dataset("float64", ("category",), "nats"),
    },
)


SEALED_POPULATION = TableLayout(
    kind="sealed_population",
    columns={
        "image_index": Column("int32", "", "row of images.h5"),
        "kind": Column("string", "", "population or population_noise"),
        "category": Column("string", "", "of the clean image beneath"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "realised_epsilon": Column("float64", "224-px L2", "norm computed from the bytes"),
        "predicted_clean": Column("string", "", "category that the decoder reads from the model's responses, clean"),
        "predicted_changed": Column("string", "", "and changed"),
        "rival": Column("string", "", "best category but the true one, of the model's responses to the clean image"),
        "margin_clean": Column(
            "float64", "nats", "true category's score minus the best other's, of the model's responses, clean"
        ),
        "margin_changed": Column("float64", "nats", "and changed"),
    },
)


POPULATION_EFFECTS = TableLayout(
    kind="population_effects",
    columns={
        "image_index": Column("int32", "", "row of the day's images.h5"),
        "kind": Column("string", "", "population or population_noise"),
        "image_id": Column("string", "", "clean image beneath"),
        "category": Column("string", "", "its category"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "realised_epsilon": Column("float64", "224-px L2", "norm computed from the bytes"),
        "n_repetitions": Column("int32", "", "usable showings of the changed image: as many of the clean one compare"),
        "decoded_clean": Column("float64", "", "part of equally many clean showings decoded rightly; NaN without any"),
        "decoded_changed": Column("float64", "", "1 where the changed image is decoded rightly, 0 where not"),
        "margin_clean": Column("float64", "nats", "true category's score minus the best other's, all clean showings"),
        "margin_changed": Column("float64", "nats", "and all changed ones"),
        "predicted_loss": Column("float64", "nats", "margin that the sealed model loses: clean minus changed"),
        "square_moved": Column(
            "float64",
            "z²",
            "squared movement of all sites together, the noise's part taken out; NaN without two of each",
        ),
        "square_along": Column(
            "float64", "z²", "and along the direction in which its margin over its sealed rival falls fastest"
        ),
        "true_decoded_clean": Column("float64", "", "of the hidden cortex, without noise; NaN in a real experiment"),
        "true_decoded_changed": Column("float64", "", "likewise"),
        "true_margin_clean": Column("float64", "nats", "likewise"),
        "true_margin_changed": Column("float64", "nats", "likewise"),
    },
)
