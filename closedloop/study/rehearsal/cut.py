"""Cuts a protocol to what can be rehearsed in minutes: fewer sites, images, presentations, all else as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from closedloop.artifacts.protocol.evolution.section import LEAST_IMAGES
from closedloop.artifacts.protocol.objectives.stated import StatedObjective
from closedloop.artifacts.protocol.population import Population
from closedloop.artifacts.protocol.probes import Probes
from closedloop.artifacts.protocol.protocol import LEAST_CLEAN_OF_ROUND, Protocol, presentations_per_day
from closedloop.artifacts.records.rehearsal import ChangedValue
from closedloop.errors import OptionError, ProtocolError
from closedloop.study.first_day.fitting import change_protocol, parse_changed
from closedloop.study.foresight.sessions import separation_kept_min

Values = dict[tuple[str, ...], Any]

ASKED = "asked for"
"""Why a value is another that an option of the rehearsal cut."""

_DAYS, _ARRAY, _TWINS = "the days that are rehearsed", "for the simulated array", "as much as so short a session keeps"
_LEAST_CLEAN, _LEAST_NORMALIZERS = 3, 2  # reliability, and a day's scale, need as many
_MOST_PROCESSORS = 2  # of the simulated recorder
_WHY = "closedloop rehearse"


@dataclass(frozen=True)
class Cuts:
    """What of a day is rehearsed; None: all of it.

    Attributes
    ----------
    days
        Recording days.
    sites
        Sites of the model.
    images
        Clean images of a day, anchors and normalizers counted; what is made of them is cut in proportion.
    presentations
        Of a day, at most.
    steps
        Gradient steps of each attack.
    """

    days: int = 1
    sites: int | None = None
    images: int | None = None
    presentations: int | None = None
    steps: int | None = None


@dataclass(frozen=True)
class CutProtocol:
    """A protocol as it is rehearsed: its file, what it says, and what is another in it."""

    content: bytes
    protocol: Protocol
    changes: tuple[ChangedValue, ...]


def cut_protocol(
    content: bytes, protocol: Protocol, cuts: Cuts, *, place: str, subject: str, n_arrays: int
) -> CutProtocol:
    """Return a protocol cut to a rehearsal.

    Parameters
    ----------
    content, protocol
        The study's protocol, as a file and as what it says.
    cuts
        What is asked for.
    place
        The file's name, for messages.
    subject
        Of the copy; decides its orders of presentation.
    n_arrays
        Of the study.

    Raises
    ------
    OptionError
        So little makes no day.
    ProtocolError
        The file cannot be edited.
    """
    values = _of_array(protocol, cuts, n_arrays=n_arrays)
    whys = dict.fromkeys(values, _ARRAY) | {("days",): _DAYS}
    asked = _asked(protocol, cuts)
    values |= asked
    whys |= dict.fromkeys(asked, ASKED)
    cut = _with(protocol, values)
    kept_min = separation_kept_min(cut, subject=subject, n_days=cut.days)
    if kept_min != protocol.presentation.twin_separation_min:
        twins = ("presentation", "twin_separation_min")
        values[twins], whys[twins] = kept_min, _TWINS
    written = {path: json.dumps(value) for path, value in values.items() if _value(protocol, path) != value}
    changed = change_protocol(content, written, place=place, why=_WHY)
    return CutProtocol(
        changed,
        parse_changed(changed, {}, place=place, why=_WHY)[1],
        tuple(
            ChangedValue(key=".".join(path), before=json.dumps(_value(protocol, path)), after=after, why=whys[path])
            for path, after in written.items()
        ),
    )


def _of_array(protocol: Protocol, cuts: Cuts, *, n_arrays: int) -> Values:
    """Return what the simulated array, recorder and study need beside what the real ones do."""
    days = min(cuts.days, protocol.days)
    values: Values = {("days",): days, ("simulation", "n_processors"): min(max(n_arrays, 1), _MOST_PROCESSORS)}
    from_raw = protocol.recording.spikes_from == "raw"
    kept = list(range(days)) if from_raw else [day for day in protocol.recording.raw_days if day < days]
    values["recording", "raw_days"] = kept
    if from_raw:
        values["recording", "raw_electrodes"] = protocol.simulation.n_electrodes
    if protocol.image_sensitivity.days:
        values["image_sensitivity", "days"] = [day for day in protocol.image_sensitivity.days if day < days]
    if protocol.plane.days:
        values["plane", "days"] = [day for day in protocol.plane.days if day < days]
    if protocol.simulation.recorder_faults:
        values["simulation", "recorder_faults"] = []
    if protocol.gates.simulated == "hold":
        values["gates", "simulated"] = "go_on"
    return values


def _asked(protocol: Protocol, cuts: Cuts) -> Values:
    values: Values = {}
    if cuts.sites is not None:
        values["sites", "n_sites"] = min(cuts.sites, protocol.sites.n_sites)
        for name, section in (("image_sensitivity", protocol.image_sensitivity), ("plane", protocol.plane)):
            if section.days:
                values[name, "n_sites"] = min(cuts.sites, section.n_sites)
    if cuts.steps is not None:
        values["attack", "steps"] = min(cuts.steps, protocol.attack.steps)
    whole = _n_clean(protocol)
    total = whole if cuts.images is None else min(cuts.images, whole)
    least = min(_least_clean(protocol), whole)
    if total < least:
        raise OptionError(f"--images: expected at least {least} images of a day, found {total}. Raise it.")
    if total < whole:
        values |= _fewer_images(protocol, total)
    if cuts.presentations is None:
        return _with_objectives(protocol, values)
    for fewer in _ever_fewer(protocol, values, total=total, least=least):
        candidate = _with_objectives(protocol, fewer)
        n_presentations = presentations_per_day(_with(protocol, candidate))
        if n_presentations <= cuts.presentations:
            return candidate
    raise OptionError(
        f"--presentations: expected at least {n_presentations} a day, without which a stage would have nothing to do, "
        f"found {cuts.presentations}. Raise it, or cut --sites too."
    )


def _ever_fewer(protocol: Protocol, values: Values, *, total: int, least: int) -> Iterator[Values]:
    """Yield the cuts of fewer and fewer images, then of fewer repetitions of the fewest."""
    yield values
    for number in range(total - 1, least - 1, -1):
        values = values | _fewer_images(protocol, number)
        yield values
    repeated: Values = {
        ("images", "clean_repetitions"): 2,
        ("images", "anchor_repetitions"): 2,
        ("images", "normalizer_repetitions"): 2,
        ("attack", "repetitions"): 2,
        ("controls", "repetitions"): 2,
    }
    yield values | {path: min(number, _value(protocol, path)) for path, number in repeated.items()}


def _n_clean(protocol: Protocol) -> int:
    images = protocol.images
    return images.clean_per_day + images.anchors + images.normalizers


def _least_clean(protocol: Protocol) -> int:
    images = protocol.images
    return _least_fresh(protocol) + min(images.anchors, 1) + min(images.normalizers, _LEAST_NORMALIZERS)


def _least_fresh(protocol: Protocol) -> int:
    """Return how many fresh clean images a day needs at least: each of its rounds has some."""
    return max(_LEAST_CLEAN, LEAST_CLEAN_OF_ROUND * protocol.rounds if protocol.rounds > 1 else 0)


def _fewer_images(protocol: Protocol, total: int) -> Values:
    """Return a day of so many clean images, and in proportion as many attacks and controls of them."""
    images, attack, share = protocol.images, protocol.attack, total / _n_clean(protocol)
    n_preference, evolves = protocol.preference.images_per_site, protocol.evolution.n_sites > 0

    def part(number: int, *, least: int = 1) -> int:
        return min(number, max(least, round(share * number)))

    anchors, normalizers = part(images.anchors), part(images.normalizers, least=_LEAST_NORMALIZERS)
    while total - anchors - normalizers < min(_least_fresh(protocol), images.clean_per_day) and anchors > 1:
        anchors -= 1
    of_anchors = protocol.population.images == "anchors"
    clean = min(max(total - anchors - normalizers, 1), images.clean_per_day)
    return {
        ("images", "clean_per_day"): clean,
        ("images", "anchors"): anchors,
        ("images", "normalizers"): normalizers,
        ("attack", "anchors_per_site"): min(part(attack.anchors_per_site), anchors),
        ("attack", "fresh_images_per_site"): min(part(attack.fresh_images_per_site), clean),
        ("controls", "n_images"): min(part(protocol.controls.n_images), anchors),
        **_fewer_probes(protocol.probes, part),
        **_fewer_of_population(protocol.population, part, most=anchors if of_anchors else clean // protocol.rounds),
        **({("preference", "images_per_site"): part(n_preference)} if n_preference else {}),
        **({("evolution", "images"): part(protocol.evolution.images, least=LEAST_IMAGES)} if evolves else {}),
        **({("evolution", "compared"): part(protocol.evolution.compared)} if evolves else {}),
    }


def _fewer_probes(probes: Probes, part: Callable[[int], int]) -> Values:
    """Return what a day shows once, in proportion; what it has none of stays as the file has it, or has it not."""
    numbers = {name: getattr(probes, name) for name in ("singles", "singles_on_day_0", "per_day", "held_out")}
    return {("probes", name): part(number) for name, number in numbers.items() if number}


def _fewer_of_population(population: Population, part: Callable[[int], int], *, most: int) -> Values:
    """Return how many images are to mislead a decoder; what the protocol has none of, it has none of."""
    n_images = population.n_images
    return {("population", "n_images"): min(part(n_images), most)} if n_images else {}


def _with_objectives(protocol: Protocol, values: Values) -> Values:
    """Return cuts with objectives and arms that ask no more anchors and sites than they leave."""
    n_sites: int = values.get(("sites", "n_sites"), protocol.sites.n_sites)
    n_anchors: int = values.get(("images", "anchors"), protocol.images.anchors)
    if protocol.evolution.n_sites:
        n_clean: int = values.get(("images", "clean_per_day"), protocol.images.clean_per_day)
        values = values | {
            ("evolution", "n_sites"): min(protocol.evolution.n_sites, n_sites),
            ("evolution", "parents"): min(protocol.evolution.parents, n_clean),
        }
    if protocol.arms.arms:
        of_arms = min(protocol.arms.n_sites or n_sites, n_sites)
        most = of_arms * n_anchors - (protocol.arms.adaptive is not None)  # adaptive arms are to have a pair to move to
        values = values | {("arms", "n_pairs"): min(protocol.arms.n_pairs, most)}
        values |= {("arms", "n_sites"): of_arms} if protocol.arms.n_sites else {}
    fewer = tuple(_fewer_of_objective(one, n_sites=n_sites, n_anchors=n_anchors) for one in protocol.objectives)
    if fewer == protocol.objectives:
        return values
    return values | {("objectives",): [one.model_dump(mode="json", exclude_defaults=True) for one in fewer]}


def _fewer_of_objective(objective: StatedObjective, *, n_sites: int, n_anchors: int) -> StatedObjective:
    fewer: dict[str, Any] = {
        "n_images": min(objective.n_images, n_anchors),
        "n_sites": min(objective.n_sites, n_sites),
    }
    if objective.kind == "population":
        fewer["targets"] = objective.targets[:n_sites]
    return objective.model_copy(update=fewer)


def _with(protocol: Protocol, values: Mapping[tuple[str, ...], Any]) -> Protocol:
    plain = protocol.model_dump(mode="json")
    for path, value in values.items():
        section = plain
        for key in path[:-1]:
            section = section[key]
        section[path[-1]] = value
    try:
        return Protocol.model_validate(plain)
    except ValueError as error:
        raise ProtocolError(
            f"protocol {protocol.name}: expected one that can be cut, found {error}. Cut it less."
        ) from error


def _value(protocol: Protocol, path: tuple[str, ...]) -> Any:
    found: Any = protocol.model_dump(mode="json")
    for key in path:
        found = found[key]
    return found
