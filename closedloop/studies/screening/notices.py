"""What a reader of a screening must know of it first: what was left out, and what it cannot say."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report.wording import count
from closedloop.studies.screening.documents import ScreeningStudy


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
