"""Whether the sites answer as the sealed model says that these very sites would."""

from __future__ import annotations

from closedloop.artifacts import catalog
from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.levels import finding, level_of
from closedloop.gates.wording import bounds


def map_fit(context: GateContext) -> GateFinding:
    """Ask in which part of random orders of the sites the sealed predictions of clean images fit as well.

    `site_identity` compares a day's answers with day 0's. This gate compares them with the model, which knows nothing
    of electrodes: it also finds a map that was wrong from the beginning on, or a model that was fitted to another one.
    """
    limit = context.protocol.gates.map_fit
    expected = f"predictions that fit as well in {bounds(limit)} of random orders of the sites"
    fit = context.read(catalog.EVALUATION).map_fit
    if context.is_first or fit is None or fit.p is None:
        found = _FIRST if context.is_first else "fewer than six sites with predictions and responses: not known"
        return finding("map_fit", "PASS", expected=expected, found=found, remedy="")
    own, other = ("unknown" if r is None else f"{r:.2f}" for r in (fit.r_own, fit.r_other))
    return finding(
        "map_fit",
        level_of(fit.p, limit),
        expected=expected,
        found=f"{fit.p:.3f}; mean r with the responses of their own sites {own}, "
        f"of the {fit.n_sites - 1} others {other}",
        remedy="Do the recorder's channels have the numbers that they had (site_identity), and does the model predict "
        "held-out images (refit_better of the day before)? One of the two is not what the attacks were made for.",
        values={"p": fit.p, "r_own": fit.r_own, "r_other": fit.r_other},
    )


_FIRST = "day 0: its predictions are of a model that had seen no response, and are not judged"
