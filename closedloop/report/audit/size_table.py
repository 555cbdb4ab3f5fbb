"""The table of an audit: what the bytes of a day's stimuli are, by kind and size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.population.kinds import POPULATION_KINDS
from closedloop.artifacts.day_use import PREFERENCE
from closedloop.artifacts.protocol.attack import ATTACK_KINDS, CONTROL_KINDS
from closedloop.artifacts.protocol.objectives.stated import OBJECTIVE
from closedloop.artifacts.tables import Columns
from closedloop.report.audit.measures import largest_found, shift
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent

_PIXEL_COLUMNS = ("values changed", "largest", "clipped", "brightness", "contrast")


def size_table(columns: Columns, *, unit: str) -> Table:
    """Return the means over the stimuli of each kind and epsilon.

    Parameters
    ----------
    columns
        At least those of `STIMULUS_AUDIT`, without clean images.
    unit
        Of the predicted responses.
    """
    known = (*ATTACK_KINDS, PREFERENCE, *CONTROL_KINDS, *POPULATION_KINDS, OBJECTIVE)
    kinds = [kind for kind in known if (columns["kind"] == kind).any()]
    groups = [
        (kind, epsilon)
        for kind in kinds
        for epsilon in sorted(set(columns["epsilon"][columns["kind"] == kind].tolist()))
    ]
    return Table(
        columns=("", "n", "realised ε", f"change, float ({unit})", "bytes", "kept [expected]", *_PIXEL_COLUMNS),
        rows=tuple(_line(columns, kind, epsilon) for kind, epsilon in groups),
        caption="Means over the stimuli; in brackets the largest realised ε. Largest: of the changes, in levels. "
        "Float: where the search ended before the image was put on whole levels, from where it goes on there. Kept: "
        "predicted change on the bytes over the larger of both; in brackets "
        "the share expected to outlast whole levels were the model linear there: an estimate, no bound. Clipped: "
        "values at black or white "
        "that were not there before. Brightness (BT.709 weights of pixel values) and RMS contrast: mean size of the "
        "shift, over the clean image's.",
    )


def _line(columns: Columns, kind: str, epsilon: float) -> tuple[str, ...]:
    rows = np.flatnonzero((columns["kind"] == kind) & (columns["epsilon"] == epsilon))
    mean = {name: float(columns[name][rows].mean()) for name in ("realised_epsilon", "n_changed", "n_clipped")}
    change = {
        name: float(np.abs(columns[name][rows]).mean()) for name in ("predicted_change_float", "predicted_change")
    }
    found = float(largest_found(columns)[rows].mean())
    ratio = change["predicted_change"] / found if found else np.nan
    return (
        f"{kind}, ε = {epsilon:g}",
        count(len(rows)),
        f"{mean['realised_epsilon']:.4f} [{columns['realised_epsilon'][rows].max():.4f}]",
        number(change["predicted_change_float"]),
        number(change["predicted_change"]),
        f"{percent(ratio)} [{percent(_mean(columns['lattice_bound'][rows]))}]" if np.isfinite(ratio) else DASH,
        count(round(mean["n_changed"])),
        count(int(columns["largest_change"][rows].max())),
        f"{mean['n_clipped']:.1f}",
        percent(_mean(np.abs(shift(columns, "luminance")[rows]))),
        percent(_mean(np.abs(shift(columns, "contrast")[rows]))),
    )


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
