"""What to change so that a day fits into some hours: one number at a time, or all counts, with what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from closedloop.artifacts.documents import validate
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.errors import ProtocolError

NewValues = Mapping[str, Any]  # "attack.repetitions" -> its new value

_LEAST_CLEAN = 50  # of fewer, sigma and the fit stand on nothing
_FEWER_COMMON = "growth stands on the few anchor pairs that both days have"
_FRACTIONS = tuple(part / 100 for part in range(95, 4, -5))


@dataclass(frozen=True)
class Alternative:
    """A changed protocol.

    Attributes
    ----------
    says
        What is changed, in words.
    change
        Keys of protocol.yaml with their new values.
    protocol
        The whole.
    costs
        What suffers besides the standard errors; empty where nothing does.
    fits
        Whether the day is then short enough.
    """

    says: str
    change: NewValues
    protocol: Protocol
    costs: str
    fits: bool


@dataclass(frozen=True)
class _Knob:
    """A number that can be lowered: its key, its least value, the words for it, and what lowering it costs."""

    key: str
    least: int
    says: str
    costs: str


_KNOBS = (
    _Knob(
        "attack.fresh_images_per_site", 0, "fewer fresh images attacked for each site", "fewer attacked images to fit"
    ),
    _Knob("probes.per_day", 0, "fewer probes", "the model learns less off the clean images"),
    _Knob("probes.singles", 0, "fewer clean images shown once", "fewer clean images to fit"),
    _Knob("attack.anchors_per_site", 2, "fewer anchors attacked for each site", _FEWER_COMMON),
    _Knob("attack.repetitions", 2, "attacked images less often", ""),
    _Knob("images.anchor_repetitions", 2, "anchors less often", ""),
    _Knob("images.clean_repetitions", 2, "clean images less often", "a less sure sigma and reliability"),
    _Knob(
        "images.clean_per_day", _LEAST_CLEAN, "fewer fresh clean images", "fewer clean images to fit, a less sure sigma"
    ),
    _Knob("images.normalizer_repetitions", 2, "normalizers less often", "drift of the rates is seen less well"),
    _Knob("population.n_images", 0, "fewer images to mislead a decoder", "a wider interval of what it loses"),
    _Knob("population.repetitions", 2, "images that mislead a decoder less often", ""),
    _Knob("controls.repetitions", 2, "controls less often", "a wider interval of the controls"),
    _Knob("controls.n_images", 0, "controls of fewer images", "a wider interval of the controls"),
)


_SAYS = {knob.key: knob.says for knob in _KNOBS}


def alternatives(
    protocol: Protocol, fits: Callable[[Protocol], bool], *, has_anchors: bool = False
) -> Iterator[Alternative]:
    """Yield protocols whose day fits, each by one change, then by all counts together.

    A number that does not make the day fit alone is given at its least, and said not to fit.

    Parameters
    ----------
    protocol
        Whose day does not fit.
    fits
        Whether a protocol's day does.
    has_anchors
        Whether the anchors are drawn: their number stays then.
    """
    for knob in _KNOBS:
        yield from _lowered(protocol, knob, fits)
    yield from _without_epsilons(protocol, fits)
    yield from _sparing(protocol, fits)
    yield from _all_counts(protocol, fits, has_anchors=has_anchors)


def _lowered(protocol: Protocol, knob: _Knob, fits: Callable[[Protocol], bool]) -> Iterator[Alternative]:
    value = _value(protocol, knob.key)
    tried = [
        (one, changed)
        for one in range(value - 1, knob.least - 1, -1)
        if (changed := with_change(protocol, {knob.key: one}))
    ]
    if not tried:
        return
    place = _first(len(tried), lambda at: fits(tried[at][1]))
    found, changed = tried[min(place, len(tried) - 1)]
    yield Alternative(
        f"{knob.says}: {value} -> {found}", {knob.key: found}, changed, knob.costs, fits=place < len(tried)
    )


def _without_epsilons(protocol: Protocol, fits: Callable[[Protocol], bool]) -> Iterator[Alternative]:
    """Leave out one epsilon, then, where no single one is enough, as many of the middle as are needed."""
    epsilons = protocol.attack.epsilons
    if len(epsilons) < 2:
        return
    for left_out in epsilons:
        kept = tuple(one for one in epsilons if one != left_out)
        changed = with_change(protocol, {"attack.epsilons": kept})
        if changed is not None:
            yield Alternative(
                f"without epsilon {left_out:g}",
                {"attack.epsilons": list(kept)},
                changed,
                f"nothing is measured at epsilon {left_out:g}",
                fits=fits(changed),
            )


def _sparing(protocol: Protocol, fits: Callable[[Protocol], bool]) -> Iterator[Alternative]:
    """Lower first what no standard error of the attacks rests on, each to half, then fresh images as far as needed."""
    change: dict[str, Any] = {}
    fresh = "attack.fresh_images_per_site"
    for key in ("controls.n_images", "images.clean_per_day"):
        half = _value(protocol, key) // 2
        if half >= (_LEAST_CLEAN if key == "images.clean_per_day" else 1):
            change[key] = half
            changed = with_change(protocol, change)
            if changed is not None and fits(changed):
                yield _several(protocol, change, changed)
                return
    for n_fresh in range(_value(protocol, fresh) - 1, -1, -1):
        changed = with_change(protocol, change | {fresh: n_fresh})
        if changed is not None and fits(changed):
            yield _several(protocol, change | {fresh: n_fresh}, changed)
            return


def _several(protocol: Protocol, change: NewValues, changed: Protocol) -> Alternative:
    says = ", ".join(f"{_SAYS[key]}: {_value(protocol, key)} -> {value}" for key, value in change.items())
    return Alternative(says, change, changed, "less to fit, a wider interval of the controls", fits=True)


def _all_counts(protocol: Protocol, fits: Callable[[Protocol], bool], *, has_anchors: bool) -> Iterator[Alternative]:
    """Lower all numbers of images by one part, repetitions as they are."""
    keys = ["images.clean_per_day", "attack.fresh_images_per_site", "attack.anchors_per_site", "controls.n_images"]
    keys += ["probes.singles", "probes.per_day", "population.n_images"]
    keys += [] if has_anchors else ["images.anchors"]
    for part in _FRACTIONS:
        change = {key: max(round(part * _value(protocol, key)), 0) for key in keys if _value(protocol, key)}
        changed = with_change(protocol, change)
        if changed is not None and fits(changed):
            yield Alternative(
                f"{part:.0%} of all images: clean, attacked, controls{'' if has_anchors else ', anchors'}".replace(
                    "%", " %"
                ),
                change,
                changed,
                f"fewer images to fit, {_FEWER_COMMON}",
                fits=True,
            )
            return


def with_change(protocol: Protocol, change: NewValues) -> Protocol | None:
    """Return a protocol with some numbers changed; None where the protocol's own rules forbid it."""
    plain = protocol.model_dump()
    plain["trial"]["hours_per_day"] = 1_000.0  # whether it fits is asked at another pace than the protocol's
    for key, value in change.items():
        section, name = key.split(".")
        plain[section][name] = value
    try:
        return validate(Protocol, plain, place="protocol.yaml", error=ProtocolError)
    except ProtocolError:
        return None


def _value(protocol: Protocol, key: str) -> int:
    section, name = key.split(".")
    return int(getattr(getattr(protocol, section), name))


def _first(n: int, is_enough: Callable[[int], bool]) -> int:
    """Return the first of n ascending places that is enough; n where none is. Once enough, all later ones are."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return low
