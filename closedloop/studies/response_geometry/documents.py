"""The documents of the study: what was looked at, and the tables of what was found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import Column, TableLayout


class GeometrySubject(Section):
    """A network's layer, or the fitted sites of a study."""

    name: str
    of: Literal["network", "sites"]
    source: str = Field(description="weight file or study")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the weights")
    layer: str = Field(description="of a network; empty of sites")
    side_px: int
    outputs: tuple[str, ...] = Field(description="units or sites looked at")
    n_outputs: int = Field(description="units of the layer, or sites")
    n_silent: int = Field(description="units that never vary over the clean images; they are not looked at")
    n_images: int = Field(description="images of each")
    images: str = Field(description="what images these are")
    gradient: str = Field(description="the smoothed gradient, as the protocol of the loop says it")


class ResponseGeometryStudy(Document):
    """settings.json: whose responses' geometry was looked at, and at which scales."""

    kind: Literal["response_geometry_study"] = "response_geometry_study"
    code_version: str
    seed: int
    study: str = Field(description="the study whose planes were looked for; empty without one")
    subjects: tuple[GeometrySubject, ...]
    epsilons: tuple[float, ...] = Field(description="of the attacks, L2, at 224 px")
    scales: tuple[float, ...] = Field(description="of curvature, likewise")
    principal_scale: float = Field(description="at which principal directions were sought, likewise")
    walk: float = Field(description="length of the walks, likewise")
    n_clean: int = Field(description="clean images that a unit's SD is taken over")
    n_planes: int = Field(description="recorded planes")
    planes: str = Field(description="which planes, or why there are none")
    n_simulated_sites: int = Field(description="sites on which the planes' intervals were tried")


GEOMETRY_PAIRS = TableLayout(
    kind="response_geometry_pairs",
    columns={
        "subject": Column("string", "", "network or sites"),
        "output": Column("string", "", "unit or site"),
        "image_id": Column("string", "", "clean image"),
        "response": Column("float64", "", "to it, in the model's unit"),
        "sd": Column("float64", "", "of the response over clean images; 1 of a site, which is fitted in SDs"),
        "steepness": Column("float64", "sd", "change for a unit of epsilon along the gradient; 0: no gradient"),
        "smoothed_cosine": Column("float64", "", "of the angle between the plain and the loop's smoothed gradient"),
        "walked": Column("float64", "sd", "largest change of the response on a walk along its surface, corrected"),
        "straight": Column("float64", "sd", "change of it at the end of a straight line of the same length"),
        "walk_apart": Column("float64", "epsilon", "from the start of the walk to its end"),
        "beyond": Column("float64", "", "part of the walk's last image that lies beyond black or white"),
    },
)

GEOMETRY_CURVATURES = TableLayout(
    kind="response_geometry_curvatures",
    columns={
        "subject": Column("string", "", "network or sites"),
        "output": Column("string", "", "unit or site"),
        "image_id": Column("string", "", "clean image"),
        "direction": Column("string", "", "first or second principal direction, or a random one along the surface"),
        "scale": Column("float64", "epsilon", "h, to either side of the image"),
        "curvature": Column(
            "float64",
            "1/epsilon",
            "of the surface of equal response, above zero forwards along the gradient; NaN without a gradient",
        ),
    },
)

GEOMETRY_ATTACKS = TableLayout(
    kind="response_geometry_attacks",
    columns={
        "subject": Column("string", "", "network or sites"),
        "output": Column("string", "", "unit or site"),
        "image_id": Column("string", "", "clean image"),
        "search": Column(
            "string", "", "plain: along the model's own gradient (section 3.1); loop: as the loop attacks"
        ),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "change": Column("float64", "sd", "of the response, the larger of rise and fall, with its sign"),
        "linear": Column("float64", "sd", "steepness times epsilon: what a linear unit of this gradient would change"),
        "excess": Column("float64", "sd", "size of the change beyond that"),
        "cosine": Column("float64", "", "size of the cosine between perturbation and plain gradient"),
        "smoothed_cosine": Column("float64", "", "and the loop's smoothed gradient"),
    },
)

EXPLAINED_ATTACKS = TableLayout(
    kind="response_geometry_explained",
    columns={
        "subject": Column("string", "", "network or sites"),
        "search": Column("string", "", "plain or loop"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "of": Column("string", "", "size: of the change; excess: of it over steepness times epsilon"),
        "by": Column(
            "string",
            "",
            "steepness; curvature: size of the principal one; bend: second derivative along it, their product",
        ),
        "rho": Column("float64", "", "Spearman's rank correlation over pairs"),
        "low": Column("float64", "", "95 % interval, units drawn with their images"),
        "high": Column("float64", "", "its upper end"),
        "n": Column("int32", "", "pairs with a gradient"),
    },
)

RECORDED_PLANES = TableLayout(
    kind="response_geometry_planes",
    columns={
        "day": Column("int32", "", "recording day"),
        "neuroid_id": Column("string", "", "site"),
        "image_id": Column("string", "", "clean image in the middle"),
        "extent": Column("float64", "224-px L2", "from the middle to the middle of a side"),
        "n_images": Column("int32", "", "of the plane, shown"),
        "n_presentations": Column("int32", "", "usable ones"),
        "slope": Column("float64", "sigma", "for a unit of epsilon along the model's gradient"),
        "slope_error": Column("float64", "sigma", "its standard error"),
        "tilt": Column("float64", "sigma", "and along the second direction"),
        "edge": Column("float64", "sigma", "what the bend across adds in the middle of a side"),
        "edge_low": Column("float64", "sigma", "95 % interval"),
        "edge_high": Column("float64", "sigma", "its upper end"),
        "p": Column("float64", "", "two-sided, of no bend"),
        "p_corrected": Column("float64", "", "by Holm, over the planes"),
        "curvature": Column("float64", "1/epsilon", "-c / |g| over the plane, above zero forwards along the gradient"),
        "curvature_low": Column("float64", "1/epsilon", "95 % interval (Fieller)"),
        "curvature_high": Column("float64", "1/epsilon", "its upper end"),
        "explained": Column("float64", "", "part of the variance over images, without noise, that is quadratic"),
        "predicted_edge": Column("float64", "z", "by the model, sealed"),
        "foretold_edge": Column(
            "float64", "sigma", "the same in the unit of `edge`; NaN: evaluated before it was kept"
        ),
        "predicted_curvature": Column("float64", "1/epsilon", "likewise"),
        "true_edge": Column("float64", "sigma", "of the hidden cortex, with --truth; else NaN"),
        "true_curvature": Column("float64", "1/epsilon", "likewise"),
    },
)

PLANE_COVERAGE = TableLayout(
    kind="response_geometry_coverage",
    columns={
        "of": Column("string", "", "edge or curvature"),
        "n": Column("int32", "", "simulated planes, a site each"),
        "held": Column("int32", "", "intervals that hold the truth"),
        "rate": Column("float64", "", "part of them"),
        "low": Column("float64", "", "95 % interval of the part (Wilson)"),
        "high": Column("float64", "", "its upper end"),
        "unbounded": Column("int32", "", "intervals without an end: the slope was not sure"),
        "median_width": Column("float64", "", "of the others, sigma or 1/epsilon"),
    },
)
