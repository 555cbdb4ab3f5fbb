"""The documents of the loop's own stages: queue, plan, stimulus set, responses, fit, evaluation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.tables import Column, TableLayout

Estimate = Literal["paper", "cross_fitted", "gaussian", "linear", "true", "white_box", "vanilla_units", "robust_units"]


class QueuedImage(Section):
    """A clean image to show."""

    image_id: str = Field(description="name in the pool")
    category: str


class ImageQueue(Document):
    """queue.json: the clean images of one day, balanced over categories, never used; normalizers, anchors stay."""

    kind: Literal["image_queue"] = "image_queue"
    day: int = Field(ge=0)
    clean: tuple[QueuedImage, ...]
    anchors: tuple[QueuedImage, ...]
    normalizers: tuple[QueuedImage, ...]


class Budget(Section):
    """What a day costs."""

    n_presentations: int
    n_images: int
    hours: float = Field(description="with the expected broken trials")
    allowed_hours: float


class DayPlan(Document):
    """plan.json: what the day's tables (images.parquet, items.parquet) add up to."""

    kind: Literal["day_plan"] = "day_plan"
    day: int = Field(ge=0)
    budget: Budget
    n_clean: int
    n_anchors: int
    n_normalizers: int
    n_attacked: int
    n_controls: int


PLANNED_IMAGES = TableLayout(
    kind="planned_images",
    columns={
        "image_id": Column("string", "", "name in the pool"),
        "category": Column("string", "", "category in the pool"),
        "role": Column("string", "", "clean, anchor or normalizer"),
        "repetitions": Column("int32", "", "showings"),
    },
)

PLANNED_ITEMS = TableLayout(
    kind="planned_items",
    columns={
        "item_id": Column("string", "", "name of the item; its random start is seeded by it"),
        "kind": Column("string", "", "attacked, gaussian or linear"),
        "image_id": Column("string", "", "the clean image that is changed"),
        "role": Column("string", "", "anchor or clean: what the changed image is"),
        "other_image_id": Column("string", "", "target of a linear interpolation, else empty"),
        "site_index": Column("int32", "", "site that is attacked; -1 for controls"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "repetitions": Column("int32", "", "showings"),
    },
)

STIMULI = TableLayout(
    kind="stimulus_set",
    columns={
        "stimulus_id": Column("string", "", "content hash of the bytes shown"),
        "image_index": Column("int32", "", "row of images.h5 and of the session's images.npy"),
        "kind": Column("string", "", "clean, attacked, gaussian or linear"),
        "role": Column("string", "", "clean, anchor or normalizer: what the underlying image is"),
        "image_id": Column("string", "", "underlying image's name in the pool"),
        "category": Column("string", "", "underlying image's category"),
        "item_id": Column("string", "", "planned item; empty for clean images"),
        "clean_index": Column("int32", "", "row of the clean image in images.h5"),
        "site_index": Column("int32", "", "attacked site; -1 elsewhere"),
        "epsilon": Column("float64", "224-px L2", "budget; 0 for clean images"),
        "realised_epsilon": Column("float64", "224-px L2", "norm computed from the bytes"),
        "predicted_clean": Column("float64", "z", "model t's response of the site to the clean bytes; NaN elsewhere"),
        "predicted_attacked": Column("float64", "z", "and to the attacked bytes"),
        "predicted_sign": Column("int32", "", "sealed sign of attacked minus clean; 0 where nothing is predicted"),
        "repetitions": Column("int32", "", "showings"),
    },
)

AUDIT_COLUMNS = {
    "realised_epsilon": Column("float64", "224-px L2", "norm of the change, from the bytes"),
    "n_changed": Column("int32", "", "values (a colour of a pixel each) that differ from the clean image"),
    "n_clipped": Column("int32", "", "values at black or white that were not there in the clean image"),
    "largest_change": Column("int32", "grey level", "largest change of a value"),
    "luminance_clean": Column("float64", "", "mean brightness of the clean image, pixel values in [0, 1], BT.709"),
    "luminance_shift": Column("float64", "", "mean brightness of the changed image minus that"),
    "contrast_clean": Column("float64", "", "RMS contrast of the clean image: SD of its brightness over pixels"),
    "contrast_shift": Column("float64", "", "RMS contrast of the changed image minus that"),
    "predicted_change_float": Column("float64", "z", "predicted change before the image was put on whole levels"),
    "predicted_change": Column("float64", "z", "and of the bytes; both NaN where nothing is predicted"),
    "rounding_loss": Column("float64", "z", "size of the first minus size of the second"),
    "lattice_bound": Column("float64", "", "part of the first that whole levels allow to first order; NaN without one"),
}

STIMULUS_AUDIT = TableLayout(
    kind="stimulus_audit",
    columns={
        "stimulus_id": Column("string", "", "content hash of the bytes shown"),
        "image_index": Column("int32", "", "row of images.h5"),
        "clean_index": Column("int32", "", "row of the clean image in images.h5"),
        "kind": Column("string", "", "attacked, gaussian or linear"),
        "category": Column("string", "", "underlying image's category"),
        "site_index": Column("int32", "", "attacked site; -1 for controls"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        **AUDIT_COLUMNS,
    },
)

RESPONSES = TableLayout(
    kind="responses",
    columns={
        "ordinal": Column("int32", "", "presentation in the journal; row of responses.h5"),
        "presentation_index": Column("int32", "", "planned presentation"),
        "image_index": Column("int32", "", "row of the stimulus set"),
        "stimulus_id": Column("string", "", "content hash of the bytes shown"),
        "repetition": Column("int32", "", "which showing"),
        "onset_s": Column("float64", "s", "light onset on the recorder's clock; NaN where unknown"),
        "onset_source": Column("string", "", "photodiode, code, fit, or none"),
        "used": Column("bool", "", "whether the counts stand"),
        "reason": Column("string", "", "why not, or on which processor not; else empty"),
    },
)

USES = TableLayout(
    kind="use_ledger",
    columns={
        "image_id": Column("string", "", "name in the pool"),
        "day": Column("int32", "", "day of the use"),
        "use": Column("string", "", "clean, anchor, normalizer, attack_base or interpolation_target"),
        "fitted": Column("bool", "", "whether its responses entered a fit"),
    },
)


class Site(Section):
    """A recorded multi-unit."""

    neuroid_id: str = Field(description="identity across days: array and electrode")
    electrode_id: int = Field(description="the recorder's number, counted anew on each of its processors")
    reliability: float | None = Field(
        description="Spearman-Brown split half of this day; null where it cannot be computed"
    )
    mean_rate_hz: float
    sigma_hz: float = Field(description="SD over the clean images' mean rates")
    site_index: int | None = Field(description="output of the model; null for electrodes not chosen on day 0")
    processor: int = Field(default=1, description="which of the recorder's processors it is wired to")
    label: str = Field(default="", description="its name in the recorder's files")
    row: int | None = Field(default=None, description="place on the array by its map (.cmp); null without one")
    column: int | None = None


class SiteTable(Document):
    """sites.json: every electrode of the day, in the order of responses.h5, and which are sites.

    A site that the model has and the day's recording lacks stands last, without reliability, and has no column.
    """

    kind: Literal["site_table"] = "site_table"
    day: int
    sites: tuple[Site, ...]

    def chosen(self) -> tuple[Site, ...]:
        """Return the sites of the model, by output index."""
        chosen = [site for site in self.sites if site.site_index is not None]
        return tuple(sorted(chosen, key=lambda site: site.site_index or 0))


class RawAgreement(Section):
    """How well offline detection on raw voltage finds the recorder's own threshold crossings on one electrode."""

    electrode_id: int
    processor: int = 1
    definition: str
    n_offline: int
    n_nev: int
    recall: float = Field(description="part of the NEV's crossings with an offline one within the tolerance")
    precision: float = Field(description="part of the offline crossings with one in the NEV")
    tolerance_ms: float


class ClockRun(Section):
    """One segment of the rig on one run of a recorder's clock."""

    segment: int
    epoch: int
    n_codes: int
    offset_s: float
    drift_ppm: float
    residual_iqr_ms: float


class DeviceQuality(Section):
    """What ingest found in the files of one processor of the recorder."""

    name: str
    processor: int
    duration_s: float
    n_epochs: int = Field(description="runs of its clock: one more than resets")
    n_stretches: int = Field(description="recorded without a pause")
    n_electrodes: int
    n_spikes: int
    n_used: int
    set_aside: dict[str, int] = Field(description="accepted presentations that it cannot answer for, by reason")
    codes_received: int
    codes_matched: int
    codes_lost: int
    codes_doubled: int
    codes_changed: int
    codes_unmatched: tuple[str, ...]
    clocks: tuple[ClockRun, ...]
    light_from: str | None = Field(description="the device whose photodiode timed the onsets")
    photodiode_lag_median_ms: float | None
    photodiode_lag_iqr_ms: float | None
    n_without_photodiode: int
    repairs: tuple[str, ...] = Field(description="what was wrong with its files and how they were read nevertheless")


class IngestQuality(Document):
    """quality.json: what ingest found in journal and recording. Nothing is lost in silence."""

    kind: Literal["ingest_quality"] = "ingest_quality"
    day: int
    session_id: str
    files: dict[str, str] = Field(description="what each recording file is, in a line")
    spikes_from: str
    n_spikes: int
    duration_s: float
    n_presented: int = Field(description="accepted presentations in the journal")
    n_rejected: int = Field(
        description="presentations the rig itself rejected (breaks, dropped frames), by the journal"
    )
    n_used: int
    set_aside: dict[str, int] = Field(description="accepted presentations that are not used, by reason")
    codes_sent: int = Field(description="this and the numbers of codes, clock and light are the first device's")
    codes_received: int
    codes_matched: int
    codes_lost: int
    codes_doubled: int
    codes_changed: int = Field(description="matched in time, another value: bits flipped")
    codes_unmatched: tuple[str, ...] = Field(description="every received code that belongs to nothing sent")
    clock_offset_s: float
    clock_drift_ppm: float
    clock_residual_iqr_ms: float
    photodiode_lag_median_ms: float | None
    photodiode_lag_iqr_ms: float | None
    n_without_photodiode: int
    twin_separation_median_min: float | None = Field(
        description="between an attacked image and its clean twin, as shown"
    )
    twin_separation_min_min: float | None
    raw_agreement: tuple[RawAgreement, ...]
    reliability_median: float | None = Field(description="over the chosen sites")
    devices: tuple[DeviceQuality, ...] = Field(default=(), description="by processor; empty in files of version 0.1")
    sites_new: tuple[str, ...] = Field(default=(), description="recorded today, not on day 0")
    sites_missing: tuple[str, ...] = Field(default=(), description="recorded on day 0, not today")


class FitReport(Document):
    """fit.json: what the refit used and how well it predicts images it never saw."""

    kind: Literal["fit_report"] = "fit_report"
    day: int
    readout_start: str
    n_stimuli: int
    n_presentations: int
    n_fitted_by_day: tuple[int, ...]
    loss_by_epoch: tuple[float, ...]
    heldout_images: str = Field(description="which images the correlation is computed on")
    n_heldout: int
    r_heldout: tuple[float | None, ...] = Field(
        description="per site, model before this refit on this day's unseen clean images"
    )
    r_fitted: tuple[float | None, ...] = Field(
        description="per site, model after the refit on the images it was fitted on"
    )


SENSITIVITY = TableLayout(
    kind="sensitivity",
    columns={
        "day": Column("int32", "", "recording day"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "estimate": Column("string", "", "paper, cross_fitted, gaussian, linear, true, white_box, *_units"),
        "truth": Column("bool", "", "computed from the hidden cortex or a network, without measurement noise"),
        "image_set": Column("string", "", "anchors, fresh or all: the attacked images it is computed on"),
        "site": Column("string", "", "neuroid_id or unit; empty for the mean over sites"),
        "mean": Column("float64", "sigma", "normalized sensitivity"),
        "standard_error": Column("float64", "sigma", "of the mean, over image and site pairs"),
        "n_images": Column("int32", "", "different clean images"),
        "n_sites": Column("int32", "", "sites or units averaged"),
    },
)

PAIRS = TableLayout(
    kind="attack_pairs",
    columns={
        "stimulus_id": Column("string", "", "attacked or control stimulus"),
        "kind": Column("string", "", "attacked, gaussian or linear"),
        "role": Column("string", "", "anchor or clean"),
        "image_id": Column("string", "", "underlying clean image"),
        "neuroid_id": Column("string", "", "site"),
        "epsilon": Column("float64", "224-px L2", "budget"),
        "realised_epsilon": Column("float64", "224-px L2", "from the bytes"),
        "predicted_sign": Column("int32", "", "sealed at synthesis; 0 for controls"),
        "rate_clean_hz": Column("float64", "Hz", "mean over repetitions"),
        "rate_changed_hz": Column("float64", "Hz", "mean over repetitions of the attacked or control image"),
        "change": Column("float64", "sigma", "changed minus clean, normalized"),
        "true_change": Column("float64", "sigma", "from the hidden cortex; NaN in a real experiment"),
        "n_repetitions": Column("int32", "", "usable showings of the changed image"),
    },
)


class EpsilonEvaluation(Section):
    """How the attacks of one epsilon fared."""

    epsilon: float
    n_pairs: int
    sign_agreement_measured: float | None = Field(description="part of pairs whose measured change has the sealed sign")
    sign_agreement_true: float | None = Field(description="the same against the hidden cortex; simulation only")
    realised_epsilon_mean: float
    realised_epsilon_max: float
    mean_attacked_hz: float | None
    predicted_change: float = Field(description="mean |predicted change|, z")


class Example(Section):
    """A clean image, its attack and the measured responses, for the report."""

    neuroid_id: str
    epsilon: float
    clean_index: int
    attacked_index: int
    category: str
    rate_clean_hz: float
    rate_attacked_hz: float


class RasterExample(Section):
    """One row group of Figure 2B: spike times of a site around one stimulus."""

    title: str
    neuroid_id: str
    epsilon: float = Field(description="0 for a clean image")
    image_index: int
    category: str
    spike_times_ms: tuple[tuple[float, ...], ...] = Field(description="by showing, relative to light onset")


class EvaluationReport(Document):
    """evaluation.json: the day's numbers that are not rows of sensitivity.parquet."""

    kind: Literal["evaluation"] = "evaluation"
    day: int
    n_sites: int
    n_attacked: int
    epsilons: tuple[EpsilonEvaluation, ...]
    sigma_hz: dict[str, float | None] = Field(
        description="by neuroid_id: SD over clean images, measurement noise included (the paper's); null without any"
    )
    sigma_corrected_hz: dict[str, float | None] = Field(description="split-half corrected")
    r_predicted: dict[str, float | None] = Field(
        description="by neuroid_id: the day's sealed model against the responses to clean images it never saw"
    )
    reliability: dict[str, float | None]
    preferred_hz: dict[str, float | None] = Field(description="mean response to the most preferred category")
    random_pair: float | None = Field(
        default=None,
        description="mean |difference| between two random clean images, sigma, mean over sites (Figure 1A)",
    )
    examples: tuple[Example, ...]
    rasters: tuple[RasterExample, ...]
