"""What of an experiment cannot be, told from its numbers alone: no image is opened, no model, no folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from closedloop.artifacts.day.session import MOST_PRESENTATIONS
from closedloop.artifacts.day.session_fitness import misfits_of_screen, misfits_of_trial
from closedloop.artifacts.protocol.protocol import (
    Protocol,
    days_that_last,
    fresh_images_until,
    presentations_per_day,
)
from closedloop.errors import ImageError, ProtocolError, StudyError
from closedloop.stages.from_protocol.session import screen_of, trial_of
from closedloop.study.foresight.sessions import separation_not_kept

_PAPER_SIDE_PX = 224  # epsilon is stated on an image of this side, in [0, 1] pixel units (section 2)
_GREY_LEVELS = 255
_LEAST_FOR_RELIABILITY = 3  # images with two showings: through two points goes every line
_MOST_ELECTRODES = 256  # of a processor, as its recorder numbers them


@dataclass(frozen=True)
class Asked:
    """What an experiment is to be, as far as numbers go.

    Attributes
    ----------
    subject
        Decides, with the protocol's seed, every order of presentation.
    n_arrays
        Arrays of the study; of a simulated one the protocol says how many.
    n_days
        Days that will be run.
    """

    protocol: Protocol
    subject: str
    simulated: bool
    n_arrays: int
    n_days: int


def problems(asked: Asked, *, sites: Sequence[int] | None = None, day: int = 0) -> tuple[str, ...]:
    """Return what cannot be: the key of the protocol, what was expected, what was found, what to do; a line each.

    Parameters
    ----------
    asked
        The experiment.
    sites
        Outputs of the model that are attacked, once day 0's recording has told.
    day
        The first day that is still to come.
    """
    found = (
        *_attacks(asked.protocol),
        *_session(asked.protocol),
        *_sites(asked),
        *_simulated_voltage(asked),
    )
    if presentations_per_day(asked.protocol) > MOST_PRESENTATIONS:  # to put millions in order takes minutes
        return found
    too_near = separation_not_kept(asked.protocol, subject=asked.subject, n_days=asked.n_days, sites=sites, day=day)
    return (*found, *([too_near] if too_near else []))


def raw_days_beyond(protocol: Protocol) -> str:
    """Return in one line which day of raw voltage no day of the protocol is; empty where all are.

    Asked of a new study alone: one that began before this was asked goes on.
    """
    beyond = [day for day in protocol.recording.raw_days if day >= protocol.days]
    if not beyond:
        return ""
    return (
        f"recording.raw_days: expected days below {protocol.days}, as many as there are (the first is 0), found "
        f"{beyond[0]}. Correct it, or raise days."
    )


def refuse_more_days(protocol: Protocol, days: int | None) -> None:
    """Refuse more days than the protocol has.

    Raises
    ------
    StudyError
        So many are asked for.
    """
    if days is not None and days > protocol.days:
        has = "1 day" if protocol.days == 1 else f"{protocol.days:,} days"
        raise StudyError(
            f"--days: expected at most {has}, as protocol {protocol.name} has, found {days:,}. "
            "Correct it, or leave it out for all."
        )


def refuse_problems(found: tuple[str, ...], *, place: str) -> None:
    """Refuse an experiment that cannot be, with all that stands against it.

    Raises
    ------
    ProtocolError
        Something does.
    """
    if found:
        raise ProtocolError(f"{place}, {' And '.join(found)}")


def refuse_too_few(asked: Asked, *, n_images: int, place: str, others: str = "") -> None:
    """Refuse images that do not last for all days.

    Parameters
    ----------
    asked
        The experiment.
    n_images
        All that can be shown.
    place
        Their folder; where they are computed, the protocol's.
    others
        What there is beside them.

    Raises
    ------
    ImageError
        They do not.
    """
    images, wanted = asked.protocol.images, images_wanted(asked)
    if n_images < wanted:
        days = f"{asked.n_days} day{'s' if asked.n_days > 1 else ''}"
        lasts = days_that_last(asked.protocol, n_images, most=asked.n_days)
        singles = asked.protocol.probes.singles_of(max(asked.n_days - 1, 0))
        once = f" and {singles} shown once" if singles else ""
        raise ImageError(
            f"{place}: expected at least {wanted:,} images for {days} ({images.anchors} anchors, "
            f"{images.normalizers} normalizers, {images.clean_per_day} clean ones{once} a day, none of them shown "
            f"again), found {n_images:,}{others}, which last for {lasts}. Add images, or lower days, "
            "images.clean_per_day, anchors or normalizers in the protocol."
        )


def images_wanted(asked: Asked) -> int:
    """Count the images of all days."""
    images = asked.protocol.images
    return images.anchors + images.normalizers + fresh_images_until(asked.protocol, asked.n_days)


def _attacks(protocol: Protocol) -> Iterator[str]:
    attack, side_px = protocol.attack, protocol.images.side_px
    least = _PAPER_SIDE_PX / side_px / _GREY_LEVELS
    most = _PAPER_SIDE_PX * 3**0.5
    small, large = ([e for e in attack.epsilons if e < least], [e for e in attack.epsilons if e > most])
    if small:
        yield (
            f"attack.epsilons: expected at least {least:.4g}, one grey level of one colour of one pixel at {side_px} "
            f"px, found {small[0]:g}. Leave out what no image can show."
        )
    if large:
        yield (
            f"attack.epsilons: expected at most {most:.4g}, from a black image to a white one, found {large[0]:g}. "
            "Leave it out."
        )


def _session(protocol: Protocol) -> Iterator[str]:
    """Foresee what the rig would refuse."""
    screen, trial = screen_of(protocol.presentation), trial_of(protocol.presentation, protocol.trial)
    n_presentations = presentations_per_day(protocol)
    if n_presentations > MOST_PRESENTATIONS:
        yield (
            f"images.clean_per_day: expected at most {MOST_PRESENTATIONS:,} presentations a day, found "
            f"{n_presentations:,}. Show fewer images, or each less often."
        )
    for misfit in (
        *misfits_of_screen(screen, protocol.images.side_px),
        *misfits_of_trial(screen, trial, n_presentations=n_presentations),
    ):
        yield f"{misfit.key}: {misfit.fault}. {misfit.remedy}"


def _sites(asked: Asked) -> Iterator[str]:
    images, n_sites = asked.protocol.images, asked.protocol.sites.n_sites
    simulation = asked.protocol.simulation
    n_electrodes = simulation.n_electrodes if asked.simulated else asked.n_arrays * _MOST_ELECTRODES
    if n_sites > n_electrodes:
        where = "simulation.n_electrodes" if asked.simulated else f"{asked.n_arrays} arrays"
        yield (
            f"sites.n_sites: expected at most {n_electrodes} sites, as many as electrodes ({where}), found {n_sites}. "
            "Lower it: an output of the model without an electrode is attacked for nothing."
        )
    shown = (
        (images.clean_per_day, images.clean_repetitions),
        (images.anchors, images.anchor_repetitions),
        (images.normalizers, images.normalizer_repetitions),
    )
    again = sum(n_images for n_images, repetitions in shown if repetitions > 1)
    if again < _LEAST_FOR_RELIABILITY:
        yield (
            f"images.clean_repetitions: expected at least {_LEAST_FOR_RELIABILITY} clean images shown twice or more, "
            f"by which sites are chosen, found {again}. Repeat the clean images, as section 3.1 does."
        )
    reference = "normalizers" if images.normalizers else "clean_per_day"
    if getattr(images, reference) == 1:
        yield (
            f"images.{reference}: expected at least 2, by whose differences days are put on one scale, found 1. "
            "Raise it."
        )


def _simulated_voltage(asked: Asked) -> Iterator[str]:
    recording = asked.protocol.recording
    if not asked.simulated or recording.spikes_from != "raw":
        return
    without = [day for day in range(asked.n_days) if day not in recording.raw_days]
    if without or not recording.raw_electrodes:
        found = f"none on day {without[0]}" if without else "raw_electrodes 0"
        yield (
            f"recording.raw_days: expected raw voltage on every day whose spikes come from it (spikes_from: raw), "
            f"found {found}. Add the day, raise raw_electrodes, or count spikes_from nev."
        )
