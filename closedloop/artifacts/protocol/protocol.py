"""The experiment's description (protocol.yaml): every number of it, checked for what cannot be.

The sources of the defaults stand behind the numbers in protocols/*.yaml, not here: this file has no defaults for what
the paper decides, so that nothing enters an experiment unseen.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.protocol.analysis import Evaluation, Fit, Simulation
from closedloop.artifacts.protocol.arms.section import Arms
from closedloop.artifacts.protocol.attack import MODEL_FREE_KINDS, Attack, Controls
from closedloop.artifacts.protocol.evolution.section import Evolution
from closedloop.artifacts.protocol.gates import Gates
from closedloop.artifacts.protocol.image_sensitivity import ImageSensitivity
from closedloop.artifacts.protocol.images import BaseModelChoice, Images, Procedural, Sites
from closedloop.artifacts.protocol.numbers import Days, Rounds, Seed
from closedloop.artifacts.protocol.objectives.stated import Objectives, objective_presentations_of
from closedloop.artifacts.protocol.plane import ImagePlanes
from closedloop.artifacts.protocol.population import Population
from closedloop.artifacts.protocol.preference import Preference
from closedloop.artifacts.protocol.probes import Probes
from closedloop.artifacts.protocol.session import PresentationTiming, Recording, Trial
from closedloop.errors import ProtocolError
from closedloop.plain_text.limits import MOST_YAML_BYTES, read_limited
from closedloop.plain_text.yaml_text import parse_yaml
from closedloop.storage import sha256_bytes

LEAST_CLEAN_OF_ROUND = 2
"""Fresh clean images of a round: of one there is no SD."""


class Protocol(Section):
    """A whole experiment."""

    name: str = Field(max_length=255, pattern=r"^[a-z0-9_]+$")
    seed: Seed
    days: Days
    images: Images
    procedural: Procedural
    sites: Sites
    base_model: BaseModelChoice
    ensemble: tuple[BaseModelChoice, ...] = Field(
        default=(),
        max_length=15,
        description="further networks, each with a readout of its own: the day's model is the mean of all, base_model "
        "the first; weights: a shipped name or a file's whole path",
    )
    probes: Probes = Field(default=Probes(), description="shown once to teach the model, never evaluated")
    attack: Attack
    image_sensitivity: ImageSensitivity = Field(
        default=ImageSensitivity(), description="a few sites on many images, shown many times (Figure 3B)"
    )
    plane: ImagePlanes = Field(
        default=ImagePlanes(), description="planes of images around a clean one, for a few sites: how responses bend"
    )
    preference: Preference = Field(
        default=Preference(), description="attacks on images of the least preferred categories"
    )
    controls: Controls
    presentation: PresentationTiming
    trial: Trial
    recording: Recording
    fit: Fit
    evaluation: Evaluation
    simulation: Simulation
    gates: Gates = Gates()
    population: Population = Field(
        default=Population(), description="attacks on what a decoder reads from all sites; never fitted"
    )
    objectives: Objectives = Field(
        default=(),
        description="images that are to attain something else than an attack: levels, patterns, members that part",
    )
    arms: Arms = Field(default=Arms(), description="ways of driving sites that are compared on the same images")
    evolution: Evolution = Field(
        default=Evolution(), description="images that evolve by a site's own responses, without a model"
    )
    rounds: Rounds = Field(
        default=1,
        description="sessions that each day after day 0 is cut into; the model is refitted, and the next one's attacks "
        "are made, between them",
    )

    @property
    def networks(self) -> tuple[BaseModelChoice, ...]:
        """Every network that is fitted: base_model, further members of the ensemble, those of arms.models."""
        return (self.base_model, *self.ensemble, *(one.base_model for one in self.arms.models))

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
    def _probes_can_be_made(self) -> Protocol:
        probes, images = self.probes, self.images
        if probes.held_out and not images.anchors:
            raise ValueError(
                f"probes.held_out: expected anchors to make them from (images.anchors), found none for "
                f"{probes.held_out}. Add anchors, or leave it out"
            )
        if probes.n_made and probes.disagreement > 0 and not self.ensemble:
            raise ValueError(
                "probes.disagreement: expected 0, as one model disagrees with none, found "
                f"{probes.disagreement:g}. Name further members under ensemble, or set it to 0"
            )
        return self

    @model_validator(mode="after")
    def _population_has_images(self) -> Protocol:
        asked, images = self.population, self.images
        name = "anchors" if asked.images == "anchors" else "clean_per_day"
        shown = images.anchors if asked.images == "anchors" else images.clean_per_day // self.rounds
        if asked.n_images > shown:
            raise ValueError(
                f"population.n_images: expected at most images.{name} ({shown} in a session), found {asked.n_images}. "
                "Show more images or attack fewer"
            )
        return self

    @model_validator(mode="after")
    def _single_images_can_be_shown(self) -> Protocol:
        section = self.image_sensitivity
        if beyond := [day for day in section.days if day >= self.days]:
            raise ValueError(
                f"image_sensitivity.days: expected days below {self.days}, found {beyond[0]}. Correct it, or raise days"
            )
        if section.days and section.n_sites > self.sites.n_sites:
            raise ValueError(
                f"image_sensitivity.n_sites: expected at most sites.n_sites ({self.sites.n_sites}), found "
                f"{section.n_sites}. Lower it"
            )
        return self

    @model_validator(mode="after")
    def _planes_can_be_shown(self) -> Protocol:
        section = self.plane
        if beyond := [day for day in section.days if day >= self.days]:
            raise ValueError(
                f"plane.days: expected days below {self.days}, found {beyond[0]}. Correct it, or raise days"
            )
        if section.days and section.n_sites > self.sites.n_sites:
            raise ValueError(
                f"plane.n_sites: expected at most sites.n_sites ({self.sites.n_sites}), found {section.n_sites}. "
                "Lower it"
            )
        return self

    @model_validator(mode="after")
    def _objectives_can_be_made(self) -> Protocol:
        names = [one.name for one in self.objectives]
        for number, one in enumerate(self.objectives):
            place = f"objectives[{number}]"
            if names.count(one.name) > 1:
                raise ValueError(f"{place}.name: expected each name once, found {one.name} more than once. Rename one")
            if one.n_images > self.images.anchors:
                raise ValueError(
                    f"{place}.n_images: expected at most images.anchors ({self.images.anchors}), found {one.n_images}. "
                    "Show more anchors or use fewer"
                )
            if one.n_sites > self.sites.n_sites:
                raise ValueError(
                    f"{place}.n_sites: expected at most sites.n_sites ({self.sites.n_sites}), found {one.n_sites}. "
                    "Lower it"
                )
            asked = one.members if one.kind == "controversial" else one.members[:1]
            if max(asked) > len(self.ensemble):
                raise ValueError(
                    f"{place}.members: expected members from 0 to {len(self.ensemble)}, base_model and those of "
                    f"ensemble, found {max(asked)}. Name further members under ensemble, or correct it"
                )
            if one.pattern == "pattern" and one.kind == "population" and len(one.targets) > self.sites.n_sites:
                raise ValueError(
                    f"{place}.targets: expected at most one a site ({self.sites.n_sites}), found {len(one.targets)}. "
                    "Leave some out"
                )
        return self

    @model_validator(mode="after")
    def _arms_have_models_and_pairs(self) -> Protocol:
        images, n_members = self.images, 1 + len(self.ensemble)
        self.arms.check(n_anchors=images.anchors, n_sites=self.sites.n_sites, n_members=n_members)
        self.evolution.check(n_sites=self.sites.n_sites, n_clean=images.clean_per_day)
        return self

    @model_validator(mode="after")
    def _every_round_has_images(self) -> Protocol:
        n_clean = self.images.clean_per_day
        if self.rounds > 1 and n_clean < LEAST_CLEAN_OF_ROUND * self.rounds:
            raise ValueError(
                f"rounds: expected at most {max(n_clean // LEAST_CLEAN_OF_ROUND, 1)}, with {LEAST_CLEAN_OF_ROUND} of "
                f"images.clean_per_day ({n_clean}) in each, found {self.rounds}. "
                "Cut the day into fewer, or show more clean images"
            )
        if self.rounds > max(self.attack.fresh_images_per_site, 1) and not self.attack.anchors_per_site:
            raise ValueError(
                f"rounds: expected at most attack.fresh_images_per_site ({self.attack.fresh_images_per_site}) where no "
                f"anchor is attacked, found {self.rounds}. Cut the day into fewer, or attack anchors"
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


def read_protocol(path: Path) -> Protocol:
    """Read and check a protocol file.

    Raises
    ------
    ProtocolError
        The file is missing, is no YAML, has an unknown key, or asks for something impossible.
    """
    missing = "expected a protocol file, found none. Give a name (guo2022, ahead, dry_run, smoke) or a path."
    if (path.parent / "study.json").is_file():
        missing = "expected the protocol that the study goes by, found none. Restore it from a copy."
    content = read_limited(path, most_bytes=MOST_YAML_BYTES, missing=missing, error=ProtocolError)
    return parse_protocol(content, place=str(path))


def parse_protocol(content: bytes, *, place: str) -> Protocol:
    """Check the content of a protocol file; see `read_protocol`."""
    plain = parse_yaml(content, place=place, error=ProtocolError, remedy="Start from protocols/guo2022.yaml.")
    return validate(Protocol, plain, place=place, error=ProtocolError)


def protocol_sha256(protocol: Protocol) -> str:
    """Hash what a protocol says, not how its file is written: comments, order and written-out defaults do not count.

    Keys that came with a later version have defaults, so that a study keeps its identity.
    """
    return sha256_bytes(protocol.model_dump_json(exclude_defaults=True).encode())


def attacked_per_day(protocol: Protocol) -> int:
    """Count the attacked images of a day: (anchors + fresh) x sites x epsilons."""
    images_per_site = protocol.attack.anchors_per_site + protocol.attack.fresh_images_per_site
    return images_per_site * protocol.sites.n_sites * len(protocol.attack.epsilons)


def controls_per_day(protocol: Protocol) -> int:
    """Count the control images of a day that has every kind: one an image and epsilon, and they serve all sites.

    A sham is one an image. Of yesterday's attacks, which the first day has none of, there is one for each attack on the
    image: anchors are dealt to the sites in turn.
    """
    controls, attack, n_anchors = protocol.controls, protocol.attack, protocol.images.anchors
    n_kinds = len(set(controls.kinds) & set(MODEL_FREE_KINDS))
    n_controls = n_kinds * controls.n_images * len(attack.epsilons) + controls.sham * controls.n_images
    if controls.yesterday and controls.n_images:
        rounds, more = divmod(protocol.sites.n_sites * attack.anchors_per_site, n_anchors)
        n_attacked = rounds * controls.n_images + min(more, controls.n_images)
        n_controls += n_attacked * len(attack.epsilons)
    return n_controls


def controls_of(protocol: Protocol, day: int) -> int:
    """Count the control images of a day: none before the first with attacks, which itself has none of yesterday's."""
    if day < protocol.attack.first_day:
        return 0
    if day == protocol.attack.first_day:
        controls = protocol.controls.model_copy(update={"yesterday": False})
        protocol = protocol.model_copy(update={"controls": controls})
    return controls_per_day(protocol)


def raised_of(protocol: Protocol, day: int) -> int:
    """Count the attacked images of a day for category preference: each is searched in one direction alone."""
    return protocol.preference.attacks_on(day, n_sites=protocol.sites.n_sites, epsilons=protocol.attack.epsilons)


def fresh_images_of(protocol: Protocol, day: int) -> int:
    """Count the clean images that a day shows for the first time, however often each."""
    own = protocol.images.clean_per_day + protocol.probes.singles_of(day)
    for_preference = protocol.preference.clean_on(day, n_sites=protocol.sites.n_sites)
    for_few_sites = protocol.image_sensitivity.images_of(day) + protocol.plane.planes_of(day)
    return own + for_few_sites + for_preference


def fresh_images_until(protocol: Protocol, n_days: int) -> int:
    """Count the clean images that the first days use up, without those that are shown every day."""
    return sum(fresh_images_of(protocol, day) for day in range(n_days))


def days_that_last(protocol: Protocol, n_images: int, *, most: int) -> int:
    """Count the days for which images are enough, those that are shown every day included.

    Parameters
    ----------
    protocol
        The experiment.
    n_images
        That there are.
    most
        Days, at most.
    """
    left = n_images - protocol.images.anchors - protocol.images.normalizers
    return sum(fresh_images_until(protocol, day) <= left for day in range(1, most + 1))


def presentations_of(protocol: Protocol, day: int) -> int:
    """Count the presentations of a day with every site, of all its rounds, repetitions included.

    Each round shows the normalizers; day 0 has no rounds.
    """
    images, probes = protocol.images, protocol.probes
    clean = (
        images.clean_per_day * images.clean_repetitions
        + probes.singles_of(day)
        + images.anchors * images.anchor_repetitions
        + images.normalizers * images.normalizer_repetitions * (protocol.rounds if day else 1)
    )
    changed = 0
    if day >= protocol.attack.first_day:
        changed += attacked_per_day(protocol) * protocol.attack.repetitions
        changed += controls_of(protocol, day) * protocol.controls.repetitions
    changed += protocol.population.n_shown(day) * protocol.population.repetitions
    changed += objective_presentations_of(protocol.objectives, day, n_sites=protocol.sites.n_sites)
    changed += protocol.preference.presentations_on(
        day, n_sites=protocol.sites.n_sites, epsilons=protocol.attack.epsilons
    )
    repeated = protocol.image_sensitivity.presentations_of(
        day, epsilons=protocol.attack.epsilons, n_sites=protocol.sites.n_sites
    )
    changed += protocol.arms.n_made(day) * protocol.arms.repetitions
    changed += protocol.evolution.presentations_of(day, rounds=protocol.rounds)
    return clean + changed + (probes.n_made if day else 0) + repeated + protocol.plane.presentations_of(day)


def presentations_per_day(protocol: Protocol) -> int:
    """Count the presentations of the day that has most, of all its rounds, repetitions included."""
    days = {0, protocol.days - 1, *protocol.image_sensitivity.days, *protocol.plane.days}
    return max(presentations_of(protocol, day) for day in days)


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
