"""What a reader of a screening must know of it first: what was compared, what was left out, what it cannot say."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report.wording import count
from closedloop.studies.screening.documents import ScreenedLayers, ScreeningStudy

_SLOT_S = 0.2  # 100 ms on, 100 ms grey (section 3.1)
_HOUR_S = 3600.0


def notices_of(document: ScreeningStudy, cells: Columns) -> list[str]:
    """Return what was left out of the comparison, and what it cannot say, a sentence or two each."""
    notices = []
    if document.transfer == "not shown":
        notices.append(
            "Criterion C is left out: nobody has been shown the layer-targeted images yet. They lie in "
            "transfer-images, and transfer_images.csv says what each is. Show them and their clean ones in one "
            "session, two or more times each, and run the command again with --transfer and a table of the responses."
        )
    if document.n_images_left_out:
        notices.append(
            f"{count(document.n_images_left_out)} clean images were left out: they have fewer than two repetitions at "
            "a site that is used."
        )
    if document.n_sites_left_out:
        notices.append(f"{count(document.n_sites_left_out)} sites were left out: most clean images have no response.")
    if document.n_shown_left_out:
        notices.append(
            f"Layer-targeted images left out: {count(document.n_shown_left_out)}. They or their clean ones have fewer "
            "than two repetitions at a site that is used."
        )
    if document.n_shown_sites_left_out:
        notices.append(
            f"Sites left out of criterion C: {count(document.n_shown_sites_left_out)}. Most images shown have no "
            "response there."
        )
    cell = zip(cells["network"], cells["layer"], np.isfinite(cells["low"]), strict=True)
    if unsure := [network if network == layer else f"{network} {layer}" for network, layer, known in cell if not known]:
        notices.append(
            f"No interval: {', '.join(dict.fromkeys(unsure))}. Too few images are left: what has no interval is "
            "neither chosen nor ruled out."
        )
    if len({network.training_epsilon for network in document.networks if network.kind == "trained"}) < 4:
        notices.append(
            "Few training epsilons were compared. `closedloop base-model train-family` trains the six of Figure 6, and "
            "--networks FOLDER compares them."
        )
    return notices


def facts_of(document: ScreeningStudy) -> tuple[tuple[str, str], ...]:
    """Return what was compared, by name, for the head of the page."""
    networks = [
        (f"Network {network.name}", _described(network)) for network in document.networks if network.kind != "pixels"
    ]
    if not document.epsilons:
        return (*_facts_of_responses(document), *networks, _versions(document))
    shown = f"{count(document.n_attacked)} images a layer, ε {', '.join(f'{e:g}' for e in document.epsilons)}"
    if document.repetitions:
        n_layers = sum(len(network.layers) for network in document.networks)
        n = (1 + n_layers * len(document.epsilons)) * document.n_attacked * document.repetitions
        hours = n * _SLOT_S / _HOUR_S
        shown += f", each {document.repetitions} times: {count(n)} presentations, {hours:.1f} h at 5 a second"
    return (
        *_facts_of_responses(document),
        *networks,
        ("Layer-targeted", shown),
        ("Search", f"{_search_in_words(document.search)}; {document.lattice_steps} steps on whole grey levels"),
        _versions(document),
    )


def _facts_of_responses(document: ScreeningStudy) -> tuple[tuple[str, str], ...]:
    return (
        ("Responses", document.responses),
        ("Clean images", f"{count(document.n_images)}, {count(document.n_presentations)} presentations"),
        ("Sites", count(document.n_sites)),
    )


def _versions(document: ScreeningStudy) -> tuple[str, str]:
    return "Versions", f"closedloop {document.code_version}, seed {document.seed}"


def _search_in_words(search: str) -> str:
    """Return a search as a person reads it, from how documents hold it: Cosine(steps=20, random_start=True)."""
    name, _, settings = search.removesuffix(")").partition("(")
    said = settings.replace("_", " ").replace("=True", " yes").replace("=False", " no").replace("=None", " none")
    return f"{name.lower()}: {said.replace('=', ' ')}" if said else name.lower()


def _described(network: ScreenedLayers) -> str:
    of_file = f", sha256 {network.sha256[:12]}" if network.sha256 else ", random weights"
    trained = "" if network.training_epsilon is None else f", trained at ε {network.training_epsilon:g}"
    return f"{network.architecture}, {network.side_px} px{trained}{of_file}; {', '.join(network.layers)}"
