"""The section of pages on images that evolve, beside the natural image that the same counts choose."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from closedloop.artifacts.protocol.evolution.section import COMPARED_KINDS, EVOLVED_MEAN, EVOLVED_NATURAL
from closedloop.artifacts.tables import Columns
from closedloop.report.evolution.figures import over_generations
from closedloop.report.layout import PageSection, plate
from closedloop.report.pictures import Shown, captioned
from closedloop.report.reading import DayRecord
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, rate, span

_LEAST_PX = 480
_SAID = {EVOLVED_MEAN: "evolved", EVOLVED_NATURAL: "natural"}


def evolution_until(days: Sequence[DayRecord]) -> PageSection | None:
    """Show the generations of all sessions up to one; None where it has none.

    Parameters
    ----------
    days
        At least one session, in order; the last is the one whose page it is.
    """
    last = days[-1]
    if (effects := last.evolution) is None:
        return None
    sessions = [day.evolution for day in days if day.evolution is not None]
    return PageSection(
        f"evolution-{last.session.folder_name}",
        f"Images that evolved: {last.session.said}",
        "Each site's images were made from what it answered to those before, by no model. Shown is the image at the "
        "mean of the distribution, never the best-measured one, whose response is partly luck; beside it the natural "
        "image of the days before that the site answered most, by the counts from which evolution began and by as many "
        "of every image, as often and in the same session. None is in an estimate of sensitivity or in a fit."
        + "".join(f" {sentence}" for sentence in _missing(sessions, last.evolution_planned)),
        shown=_pictures(last),
        plates=(
            plate(
                over_generations(sessions),
                "Responses over generations",
                least_width_px=_LEAST_PX,
                caption="Mean response to a generation's images, above that to natural images, in SD of their means. "
                + _of_intervals(effects),
            ),
        ),
        tables=(_table(effects, gains),) if (gains := last.evolution_gains) is not None else (),
    )


def _of_intervals(effects: Columns) -> str:
    if len(set(effects["site_index"].tolist())) > 1:
        return "Thin: a site each. Bars: 95 % intervals over sites."
    return "Of one site there is no interval over sites."


def _missing(sessions: Sequence[Columns], planned: frozenset[int]) -> Iterator[str]:
    """Say which generations nothing is known of, which sites have no images any more, and which never had any."""
    seen = {int(one) for effects in sessions for one in effects["generation"].tolist()}
    if lost := [str(one) for one in range(max(seen)) if one not in seen]:
        yield (
            f"Of generation {', '.join(lost)} the recording is lost: it taught nothing, and what was shown after it is "
            "another draw around the same mean."
        )
    names = {
        int(site): str(name) or f"output {site} of the model"
        for effects in sessions
        for site, name in zip(effects["site_index"].tolist(), effects["neuroid_id"].tolist(), strict=True)
    }
    now = set(sessions[-1]["site_index"].tolist())
    if gone := [name for site, name in names.items() if site not in now]:
        yield f"No further images: {', '.join(gone)}, attacked no longer."
    if never := [f"output {site} of the model" for site in sorted(planned - now)]:
        yield f"No images: {', '.join(never)}, without a usable answer to any natural image."


def _pictures(day: DayRecord) -> tuple[Shown, ...]:
    """Return the compared images of each site, side by side."""
    effects = day.evolution
    if effects is None or day.images is None:
        return ()
    rows = np.flatnonzero(np.isin(effects["kind"], COMPARED_KINDS))
    captions = [
        f"{effects['neuroid_id'][row] or effects['site_index'][row]} · {_SAID[str(effects['kind'][row])]} · "
        f"{rate(_known(effects['response_hz'][row]))} Hz"
        for row in rows
    ]
    return tuple(captioned(day.images, effects["image_index"][rows].tolist(), captions))


def _table(effects: Columns, gains: Columns) -> Table:
    has_truth = bool(np.isfinite(gains["true_difference"]).any())
    rows = []
    for place in range(len(gains["neuroid_id"])):
        own = {name: values[place] for name, values in gains.items()}
        rows.append(
            (
                str(own["neuroid_id"]) or f"all {count(int(own['n_sites']))}",
                *(_hz(effects, str(own["neuroid_id"]), kind) for kind in COMPARED_KINDS),
                number(_known(own["difference"])),
                span((float(own["low"]), float(own["high"]))),
                _p(float(own["p"])),
                _p(float(own["p_corrected"])),
                *((number(_known(own["true_difference"])),) if has_truth else ()),
            )
        )
    return Table(
        columns=(
            "site",
            "evolved (Hz)",
            "natural (Hz)",
            "difference (SD)",
            "95 %",
            "p",
            "p, Holm",
            *(("true difference (SD)",) if has_truth else ()),
        ),
        rows=tuple(rows),
        caption="The image at the distribution's mean minus the natural one, in SD of the site's responses to natural "
        "images. Intervals of a site over showings (Welch), of all over sites. The natural image was chosen by few "
        "counts, and the evolved one made by few: both are shown anew here.",
    )


def _hz(effects: Columns, neuroid_id: str, kind: str) -> str:
    row = np.flatnonzero((effects["neuroid_id"] == neuroid_id) & (effects["kind"] == kind))
    if not neuroid_id or not len(row):
        return ""
    value, error = (_known(effects[name][row[0]]) for name in ("response_hz", "error_hz"))
    return rate(value) if error is None else f"{rate(value)} ± {rate(error)}"


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _p(p: float) -> str:
    if not math.isfinite(p):
        return DASH
    return "< .001" if p < 0.001 else f"{p:.3f}"
