"""The experiment's description (protocol.yaml): every number of it, checked for what cannot be.

The sources of the defaults stand behind the numbers in protocols/*.yaml, not here: this file has no defaults for what
the paper decides, so that nothing enters an experiment unseen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.recorder_faults import SimulatedFault
from closedloop.errors import ProtocolError
from closedloop.storage import sha256_bytes

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]

_FRAME_TOLERANCE = 1e-3  # of a frame: 100 ms at 59.94 Hz is 5.994 frames, which is not whole


class Images(Section):
    """Which clean images a day shows, and how often each."""

    side_px: int = Field(ge=8, le=1024, description="side of the square images the model and the monkey see")
    clean_per_day: Count = Field(description="fresh clean images a day, balanced over categories, never shown before")
    clean_repetitions: Count
    anchors: CountOrNone = Field(
        description="clean images attacked every day, never fitted; sensitivity is compared on them"
    )
    anchor_repetitions: Count
    normalizers: CountOrNone = Field(description="clean images shown every day to z-score the day's responses")
    normalizer_repetitions: Count


class Procedural(Section):
    """The procedural image pool, used where no folder of images is given."""

    n_categories: Count
    n_per_category: Count


class Sites(Section):
    """Which recorded electrodes become sites of the model."""

    n_sites: Count
    min_reliability: Fraction = Field(
        description="Spearman-Brown split-half reliability on day 0 under which none is chosen"
    )


ArchitectureName = Literal[
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "wide_resnet50_2",
    "wide_resnet50_4",
    "wide_resnet101_2",
    "resnet50_1by2",
    "small_resnet",
]
"""The rows of ``models.backbones.ARCHITECTURES``, which documents do not know."""


class BaseModelChoice(Section):
    """The network under the readout."""

    architecture: ArchitectureName | None = Field(
        default=None, description="the network; a weight file of another is refused. Left out: whatever the file is"
    )
    layer: str = Field(description="named layer whose output is read out")
    weights: str = Field(description="name of shipped weights; `init --base-model FILE` takes its place")


class Gradient(Section):
    """Which gradient a search follows; with nothing given the model's own, as in section 3.1."""

    shift: float = Field(default=0, ge=0, lt=1, description="largest random shift of the image over its side")
    scale: float = Field(default=0, ge=0, lt=1, description="largest random change of the image's size, as a fraction")
    noise: float = Field(default=0, ge=0, description="standard deviation of white noise in [0, 1] pixel units")
    blur: float = Field(default=0, ge=0, lt=1, description="standard deviation of the gradient's blur over the side")
    samples: Count = Field(default=1, description="random changes averaged in a step; each costs a gradient")

    @property
    def is_random(self) -> bool:
        """Whether two gradients at the same image differ."""
        return max(self.shift, self.scale, self.noise) > 0

    @model_validator(mode="after")
    def _samples_differ(self) -> Gradient:
        if self.samples > 1 and not self.is_random:
            raise ValueError(
                f"samples: expected 1 without shift, scale or noise, found {self.samples} equal ones. "
                "Set it to 1 or add a random change"
            )
        return self


class Attack(Section):
    """How attacks are searched (section 3.1) and how many are shown."""

    search: Literal["paper31", "cosine", "annealed"]
    gradient: Gradient = Field(default=Gradient(), description="which gradient it follows")
    steps: Count
    step_fraction: Positive = Field(description="step size as a fraction of epsilon")
    epsilons: tuple[Positive, ...] = Field(
        min_length=1, description="L2 norms on a 224 x 224 x 3 image in [0, 1] pixels"
    )
    anchors_per_site: CountOrNone = Field(description="anchor images attacked for each site, the same ones every day")
    fresh_images_per_site: CountOrNone = Field(
        description="of the day's clean images, attacked for each site; fitted afterwards"
    )
    repetitions: int = Field(ge=2, description="showings of each attacked image (section 3.1: at least two)")
    batch_size: Count | Literal["auto"] = Field(
        description="images at once; auto: as memory allows. It decides nothing but time"
    )

    @model_validator(mode="after")
    def _ascending(self) -> Attack:
        if list(self.epsilons) != sorted(set(self.epsilons)):
            raise ValueError(f"epsilons: expected ascending different values, found {list(self.epsilons)}. Sort them")
        return self

    @model_validator(mode="after")
    def _values_compare(self) -> Attack:
        if self.search == "annealed" and self.gradient.is_random:
            raise ValueError(
                "search: expected one that does not go back to its best step, found annealed with a random gradient, "
                "whose steps do not compare. Use cosine, or set shift, scale and noise to 0"
            )
        return self


class Controls(Section):
    """Model-free perturbations of the anchor images at the attacks' realised norm (Figure 5)."""

    gaussian: bool
    linear_interpolation: bool
    n_images: CountOrNone = Field(description="of the anchors, given controls at every epsilon")
    repetitions: int = Field(ge=2)


class PresentationTiming(Section):
    """Rapid serial visual presentation."""

    refresh_hz: Positive
    on_ms: Positive
    off_ms: float = Field(ge=0)
    per_trial: Count
    visual_angle_deg: Positive
    image_scale: Count = Field(description="whole screen pixels an image pixel")
    grey_level: int = Field(ge=0, le=255)
    screen_width_px: Count
    screen_height_px: Count
    screen_cm_per_px: Positive
    full_screen: bool
    twin_separation_min: float = Field(ge=0, description="least minutes planned between an image and its attacked twin")

    @model_validator(mode="after")
    def _whole_frames(self) -> PresentationTiming:
        for name, least in (("on_ms", 1), ("off_ms", 0)):
            frames = getattr(self, name) * self.refresh_hz / 1000
            whole = max(round(frames), least)
            if abs(frames - whole) > _FRAME_TOLERANCE:
                nearest = whole * 1000 / self.refresh_hz
                raise ValueError(
                    f"{name}: expected a whole number of frames, found {getattr(self, name):g} ms = {frames:.3f} "
                    f"frames at {self.refresh_hz:g} Hz. Use {nearest:.3f} ms, or a screen of 60 or 120 Hz"
                )
        return self

    @property
    def on_frames(self) -> int:
        """Frames an image is up."""
        return round(self.on_ms * self.refresh_hz / 1000)

    @property
    def off_frames(self) -> int:
        """Frames of grey after it."""
        return round(self.off_ms * self.refresh_hz / 1000)


class Trial(Section):
    """What the monkey has to do."""

    acquire_timeout_ms: Positive
    hold_ms: float = Field(ge=0)
    fixation_window_deg: Positive
    saccade_boxcar_samples: Count
    fixation_dot_px: CountOrNone
    intertrial_ms: float = Field(ge=0)
    reward_ms: float = Field(ge=0)
    misses_before_time_out: Count
    time_out_ms: float = Field(ge=0)
    hours_per_day: Positive = Field(description="longest session that is planned")
    expected_broken_fraction: float = Field(ge=0, lt=1, description="trials that break or are ignored, for the budget")


class Recording(Section):
    """What is recorded and how spikes are counted."""

    specification: Literal["2.1", "2.2", "2.3", "3.0", "3.0-ptp"] = Field(
        description="of the files a simulated array writes"
    )
    spikes_from: Literal["nev", "raw"]
    raw_electrodes: CountOrNone = Field(description="electrodes written at 30 kHz on raw days")
    raw_days: tuple[CountOrNone, ...] = Field(description="days on which raw voltage is written")
    detection: Literal["dicarlo", "zero_phase_butter", "causal"]
    waveform_samples: int = Field(ge=8, le=128, description="samples of a spike packet")
    window_start_ms: float
    window_stop_ms: float = Field(description="half-open window [start, stop) after light onset")
    max_missing_fraction: Fraction = Field(description="largest part of the presentations that may be unusable")
    photodiode: str = Field(
        default="photodiode", min_length=1, description="channel that saw the light: beginning of its label, or number"
    )

    @model_validator(mode="after")
    def _window(self) -> Recording:
        if self.window_stop_ms <= self.window_start_ms:
            raise ValueError(
                f"window_stop_ms: expected a window that ends after it starts, found "
                f"[{self.window_start_ms:g}, {self.window_stop_ms:g}) ms. Give [70, 170) as in section 3.1"
            )
        return self


class Fit(Section):
    """How the model is refitted after each day."""

    readout_start: Literal["random", "closed_form"] = Field(
        description="N(0, 1) as in section 3.1, or a closed-form start after day 0"
    )
    epochs: Count
    batch_size: Count
    base_learning_rate: Positive
    readout_learning_rate: Positive
    weight_decay: float = Field(ge=0)
    ridge: Positive = Field(description="of the closed-form start")


class Evaluation(Section):
    """What evaluation computes beside the measured estimates."""

    white_box_steps: Count = Field(description="gradient steps of attacks on the hidden cortex (simulation only)")
    unit_steps: Count = Field(description="gradient steps of attacks on artificial units")
    n_units: Count = Field(description="penultimate units of each network that are attacked")


class Simulation(Section):
    """The simulated monkey and array; absent from a real experiment's use."""

    n_electrodes: int = Field(ge=1, le=128)
    ignore_probability: Fraction
    leave_early_probability: Fraction
    clock_drift_ppm: float = Field(ge=-200, le=200)
    lost_codes: Fraction
    doubled_codes: Fraction
    display_lag_ms: float = Field(ge=0, le=50, description="flip to light")
    n_processors: int = Field(default=1, ge=1, le=2, description="of the recorder; each writes files of its own")
    recorder_faults: tuple[SimulatedFault, ...] = Field(default=(), description="what goes wrong with the recorder")


class Protocol(Section):
    """A whole experiment."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    seed: int = Field(ge=0)
    days: Count
    images: Images
    procedural: Procedural
    sites: Sites
    base_model: BaseModelChoice
    attack: Attack
    controls: Controls
    presentation: PresentationTiming
    trial: Trial
    recording: Recording
    fit: Fit
    evaluation: Evaluation
    simulation: Simulation

    @model_validator(mode="after")
    def _images_attacked_are_shown(self) -> Protocol:
        images, attack = self.images, self.attack
        for place, wanted, name, shown in (
            (
                "attack.fresh_images_per_site",
                attack.fresh_images_per_site,
                "images.clean_per_day",
                images.clean_per_day,
            ),
            ("attack.anchors_per_site", attack.anchors_per_site, "images.anchors", images.anchors),
            ("controls.n_images", self.controls.n_images, "images.anchors", images.anchors),
        ):
            if wanted > shown:
                raise ValueError(
                    f"{place}: expected at most {name} ({shown}), found {wanted}. Show more images or use fewer"
                )
        if attack.anchors_per_site + attack.fresh_images_per_site == 0:
            raise ValueError(
                "attack.anchors_per_site: expected images to attack, found none. Raise it or fresh_images_per_site"
            )
        return self

    @model_validator(mode="after")
    def _fits_the_day(self) -> Protocol:
        hours = session_hours(self)
        if hours > self.trial.hours_per_day:
            raise ValueError(
                f"trial.hours_per_day: expected a day that fits, found {presentations_per_day(self):,} presentations = "
                f"{hours:.2f} h against {self.trial.hours_per_day:g} h. "
                "Attack fewer images, repeat less, or allow more hours"
            )
        return self


def attacked_per_day(protocol: Protocol) -> int:
    """Count the attacked images of a day: (anchors + fresh) x sites x epsilons."""
    images_per_site = protocol.attack.anchors_per_site + protocol.attack.fresh_images_per_site
    return images_per_site * protocol.sites.n_sites * len(protocol.attack.epsilons)


def controls_per_day(protocol: Protocol) -> int:
    """Count the control images of a day: one an image, epsilon and kind; they serve all sites."""
    kinds = int(protocol.controls.gaussian) + int(protocol.controls.linear_interpolation)
    return kinds * protocol.controls.n_images * len(protocol.attack.epsilons)


def presentations_per_day(protocol: Protocol) -> int:
    """Count the presentations of a day, repetitions included."""
    images = protocol.images
    return (
        images.clean_per_day * images.clean_repetitions
        + images.anchors * images.anchor_repetitions
        + images.normalizers * images.normalizer_repetitions
        + attacked_per_day(protocol) * protocol.attack.repetitions
        + controls_per_day(protocol) * protocol.controls.repetitions
    )


def session_hours(protocol: Protocol, *, n_presentations: int | None = None) -> float:
    """Estimate a session's length from its presentations, the trial's timing and the expected broken trials.

    Parameters
    ----------
    n_presentations
        Presentations of the session; those of a day with every site, by default.
    """
    timing, trial = protocol.presentation, protocol.trial
    shown = presentations_per_day(protocol) if n_presentations is None else n_presentations
    acquire_ms = 250.0  # a trained animal's saccade to the point
    trial_ms = acquire_ms + trial.hold_ms + timing.per_trial * (timing.on_ms + timing.off_ms) + trial.intertrial_ms
    n_trials = shown / timing.per_trial / (1 - trial.expected_broken_fraction)
    return n_trials * (trial_ms + trial.reward_ms) / 3.6e6


def read_protocol(path: Path) -> Protocol:
    """Read and check a protocol file.

    Raises
    ------
    ProtocolError
        The file is missing, is no YAML, has an unknown key, or asks for something impossible.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ProtocolError(
            f"{path}: expected a protocol file, found none. Give a name (guo2022, dry_run, smoke) or a path."
        ) from error
    return parse_protocol(content, place=str(path))


def parse_protocol(content: bytes, *, place: str) -> Protocol:
    """Check the content of a protocol file; see `read_protocol`."""
    try:
        plain: Any = yaml.safe_load(content)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ProtocolError(f"{place}: expected YAML, found {problem:.120}. Correct it.") from error
    if not isinstance(plain, dict):
        raise ProtocolError(
            f"{place}: expected sections with keys, found {type(plain).__name__}. Start from protocols/guo2022.yaml."
        )
    return validate(Protocol, plain, place=place, error=ProtocolError)


def protocol_sha256(protocol: Protocol) -> str:
    """Hash what a protocol says, not how its file is written: comments, order and written-out defaults do not count.

    Keys that came with a later version have defaults, so that a study keeps its identity.
    """
    return sha256_bytes(protocol.model_dump_json(exclude_defaults=True).encode())
