"""Which keys of the protocol may differ from day to day, and why the others may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.errors import ProtocolError

_MAY_DIFFER: Final = {
    "attack": {"epsilons", "anchors_per_site", "fresh_images_per_site", "repetitions"},
    "images": {"clean_per_day", "clean_repetitions", "anchor_repetitions", "normalizer_repetitions"},
    "controls": {"gaussian", "linear_interpolation", "yesterday", "sham", "n_images", "repetitions"},
    "population": {"n_images", "epsilons", "repetitions"},
    "presentation": {"twin_separation_min"},
    "image_sensitivity": {"days", "n_sites", "n_images", "repetitions", "epsilons"},
    "plane": {"days", "n_sites", "side", "extent", "scale", "repetitions"},
    "probes": {"singles", "per_day", "held_out", "epsilon", "disagreement"},
}
_WHOLLY: Final = ("trial", "gates")  # what is asked of the animal, hours among it, and where gates warn and hold
_OF_THE_STUDY: Final = "gates.simulated"
_WHY_NOT: Final = {
    "name": "the study is known by it",
    "seed": "all that is drawn at random derives from it",
    "days": "it is of the whole study: edit it in protocol.yaml",
    "images": "anchors and normalizers are drawn once, and days are compared on them",
    "procedural": "all days draw from one pool of images",
    "sites": "sites are chosen on day 0, for all days",
    "base_model": "every day's model goes on from the one before",
    "ensemble": "every day's model goes on from the one before",
    "population": "attacks of another search, or on other images, do not compare between days",
    "probes": "probes of all days are searched alike",
    "objectives": "days on which something else is asked do not compare",
    "arms": "arms of all days are compared together",
    "evolution": "a generation is made from all before it",
    "preference": "what a day shows is drawn by the day before, for all days alike",
    "attack": "days of another search do not compare",
    "presentation": "responses to another presentation do not compare",
    "recording": "spikes of all days are counted alike",
    "fit": "the models of all days are fitted alike",
    "evaluation": "all days are evaluated alike",
    "rounds": "which sessions there are is told by study.json; add-block and drop-block change it for a day",
    "simulation": "the simulated animal is one on all days",
    _OF_THE_STUDY: "it is of the whole study",
}


def values_by_key(plain: Mapping[str, Any], *, place: str) -> dict[str, Any]:
    """Return what a file of amended sections says, by key (`attack.epsilons`).

    Parameters
    ----------
    plain
        Its sections.
    place
        What a message calls the file.

    Raises
    ------
    ProtocolError
        It says nothing, or something that may not differ from day to day.
    """
    values = dict(_leaves(plain))
    if not values:
        raise ProtocolError(
            f"{place}: expected keys of the protocol that differ, such as attack: {{epsilons: [1, 2.5]}}, found none. "
            "Write them as in protocol.yaml."
        )
    for key in values:
        _refuse_fixed(key, place)
    return values


def _refuse_fixed(key: str, place: str) -> None:
    section, _, name = key.partition(".")
    if key != _OF_THE_STUDY and (section in _WHOLLY or name in _MAY_DIFFER.get(section, ())):
        return
    if section not in Protocol.model_fields:
        raise ProtocolError(f"{place}, {key}: expected a section of the protocol, found none of this name. Correct it.")
    why = _WHY_NOT[key if key in _WHY_NOT else section]
    known = f"{section}.{', '.join(sorted(_MAY_DIFFER[section]))}" if section in _MAY_DIFFER else _ALL
    raise ProtocolError(
        f"{place}, {key}: expected a key that may differ by day ({known}), found this: {why}. Leave it out."
    )


_ALL: Final = "of attack, image_sensitivity, images, controls, plane, population, presentation, probes, trial or gates"


def _leaves(values: Mapping[str, Any], *, inside: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, inside=f"{inside}{name}.")
        else:
            yield f"{inside}{name}", value
