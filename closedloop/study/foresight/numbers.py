"""What of an experiment cannot be, told from its numbers alone: no image is opened, no model, no folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.errors import ImageError, ProtocolError
from closedloop.stages.from_protocol.session import screen_of
from closedloop.study.foresight.sessions import separation_not_kept

_PAPER_SIDE_PX = 224  # epsilon is stated on an image of this side, in [0, 1] pixel units (section 2)
_GREY_LEVELS = 255
_HALF_TURN_DEG = 180
_LEAST_FOR_RELIABILITY = 3  # images with two showings: through two points goes every line
_MOST_ELECTRODES = {True: 128, False: 256}  # simulated or not; of a processor, as its recorder numbers them


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
    too_near = separation_not_kept(asked.protocol, subject=asked.subject, n_days=asked.n_days, sites=sites, day=day)
    return (
        *_attacks(asked.protocol),
        *_screen(asked.protocol),
        *_sites(asked),
        *_simulated_voltage(asked),
        *([too_near] if too_near else []),
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


def refuse_too_few(asked: Asked, *, n_images: int, place: str) -> None:
    """Refuse images that do not last for all days.

    Parameters
    ----------
    asked
        The experiment.
    n_images
        All that can be shown.
    place
        Their folder; where they are computed, the protocol's.

    Raises
    ------
    ImageError
        They do not.
    """
    images = asked.protocol.images
    at_first = images.anchors + images.normalizers
    wanted = at_first + images.clean_per_day * asked.n_days
    if n_images < wanted:
        days = f"{asked.n_days} day{'s' if asked.n_days > 1 else ''}"
        lasts = max(0, n_images - at_first) // images.clean_per_day
        raise ImageError(
            f"{place}: expected at least {wanted:,} images for {days} ({images.anchors} anchors, "
            f"{images.normalizers} normalizers, {images.clean_per_day} clean ones a day, none of them shown again), "
            f"found {n_images:,}, which last for {lasts}. Add images, or lower days, images.clean_per_day, anchors or "
            "normalizers in the protocol."
        )


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


def _screen(protocol: Protocol) -> Iterator[str]:
    """Foresee what the rig would refuse: it places the image in the middle, the photodiode's patch in a corner."""
    screen, side_px = screen_of(protocol.presentation), protocol.images.side_px
    side, shorter = side_px * screen.image_scale, min(screen.width_px, screen.height_px)
    beside = max((screen.width_px - side) // 2, (screen.height_px - side) // 2)
    if side > shorter:
        yield (
            f"presentation.image_scale: expected an image of at most {shorter} screen pixels, found {side} "
            f"({side_px} x {screen.image_scale}). Lower it, or state a larger screen."
        )
    elif screen.photodiode_px > beside:
        yield (
            f"presentation.image_scale: expected {screen.photodiode_px} screen pixels beside the image for the "
            f"photodiode's patch, found {beside}. Lower it, or state a larger screen."
        )
    if screen.visual_angle_deg >= _HALF_TURN_DEG:
        yield (
            f"presentation.visual_angle_deg: expected less than {_HALF_TURN_DEG}, found {screen.visual_angle_deg:g}. "
            "Give the image's side in degrees, 8 in section 3.1."
        )


def _sites(asked: Asked) -> Iterator[str]:
    images, n_sites = asked.protocol.images, asked.protocol.sites.n_sites
    simulation = asked.protocol.simulation
    n_electrodes = (
        simulation.n_electrodes * simulation.n_processors
        if asked.simulated
        else asked.n_arrays * _MOST_ELECTRODES[False]
    )
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
