"""What changed images did to the sites, repetition by repetition, in units of each site's sigma."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Estimate, Floats, mean_over_pairs
from closedloop.analysis.reliability import mean_response
from closedloop.analysis.repetitions import cross_fitted_size, repetitions_of
from closedloop.analysis.sensitivity import cross_fitted_estimate, paper_estimate
from closedloop.artifacts.catalog import EVALUATION, RESPONSES, SITES, STIMULI
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import counted_rates_hz, model_sites

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class MeasuredChanges:
    """Pairs of a changed image and its clean one at a site: attacks at their own site, controls at all of them.

    Attributes
    ----------
    is_anchor
        Whether the clean image is an anchor, (n_pairs,).
    image_index, site_index
        The clean image and the site, (n_pairs,).
    sign
        Sealed before the session, (n_pairs,); 0 for controls.
    clean, changed
        Single responses in sigma, (n_pairs, n_repetitions); NaN where there is none.
    """

    is_anchor: NDArray[np.bool_]
    image_index: Integers
    site_index: Integers
    sign: Integers
    clean: Floats
    changed: Floats

    def on_anchors(self) -> MeasuredChanges:
        """Return those of anchors, the images that controls are made of."""
        return MeasuredChanges(**{field.name: getattr(self, field.name)[self.is_anchor] for field in fields(self)})

    def by_sign(self) -> Estimate:
        """Estimate the mean size by the sealed signs (section 3.1, last equation)."""
        return paper_estimate(self._change(), self.sign, image_index=self.image_index, site_index=self.site_index)

    def without_model(self) -> Estimate:
        """Estimate the mean size by signs from one half of the repetitions and sizes from the other."""
        return cross_fitted_estimate(self.clean, self.changed, image_index=self.image_index, site_index=self.site_index)

    def by_sign_above(self, part: float) -> Estimate:
        """Estimate by how much the estimate by signs is above a part of the one without a model, pair by pair."""
        own = self.sign * self._change() - part * cross_fitted_size(self.clean, self.changed)
        return mean_over_pairs(own, image_index=self.image_index, site_index=self.site_index)

    def _change(self) -> Floats:
        clean, changed = (
            mean_response(one.reshape(-1, 1), np.repeat(np.arange(len(one)), one.shape[1]), n_images=len(one))
            for one in (self.clean, self.changed)
        )
        return np.asarray((changed - clean)[:, 0])


def read_changes(context: GateContext, *, kind: str, epsilon: float) -> MeasuredChanges:
    """Read what images of a kind and epsilon did on the gate's day; nothing of what is left out of the evaluation.

    Parameters
    ----------
    context
        The gate's.
    kind
        attacked, gaussian or linear: a control that serves all sites.
    epsilon
        Of the images.
    """
    stimuli, sites = context.read(STIMULI), model_sites(context)
    rows = np.flatnonzero((stimuli["kind"] == kind) & (stimuli["epsilon"] == epsilon))
    own_site = np.asarray(stimuli["site_index"][rows], dtype=np.int64)
    if kind == "attacked":
        bound = own_site < len(sites)  # on day 0 outputs are attacked before it is known which get a site
        rows, site_index = rows[bound], own_site[bound]
    else:
        rows, site_index = np.repeat(rows, len(sites)), np.tile(np.arange(len(sites)), len(rows))
    clean_index = np.asarray(stimuli["clean_index"][rows], dtype=np.int64)
    responses = _in_sigma(context, [site.neuroid_id for site in sites])
    return MeasuredChanges(
        is_anchor=np.asarray(stimuli["role"][rows] == "anchor"),
        image_index=clean_index,
        site_index=site_index,
        sign=np.asarray(stimuli["predicted_sign"][rows], dtype=np.int64),
        clean=responses[clean_index, site_index],
        changed=responses[rows, site_index],
    )


def _in_sigma(context: GateContext, names: list[str]) -> Floats:
    """Return single responses in sigma, (n_images, n_sites, n_repetitions)."""
    counted = counted_rates_hz(context, parts=("evaluation",))
    column = {site.neuroid_id: place for place, site in enumerate(context.read(SITES).sites[: counted.shape[1]])}
    padded = np.pad(counted, ((0, 0), (0, 1)), constant_values=np.nan)
    rates_hz = padded[:, [column.get(name, -1) for name in names]]
    image_index = np.asarray(context.read(RESPONSES)["image_index"], dtype=np.int64)
    repetitions = repetitions_of(rates_hz, image_index, n_images=len(context.read(STIMULI)["kind"]))
    sigma_hz = np.array([context.read(EVALUATION).sigma_hz.get(name) or np.nan for name in names])
    return np.asarray(repetitions / sigma_hz[:, None])
