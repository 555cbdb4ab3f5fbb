"""The page of a stimulus set: what will be shown, picture by picture, and what its bytes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.arrays import read_rows
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.day_use import PREFERENCE, PROBE
from closedloop.artifacts.protocol.attack import CONTROL_KINDS
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.audit.figures import by_epsilon, drawn_epsilons
from closedloop.report.audit.measures import kept, n_beyond_budget, shift
from closedloop.report.audit.size_table import size_table
from closedloop.report.layout import Card, Link, Page, PageSection, plate
from closedloop.report.pictures import Pair, triple
from closedloop.report.wording import DASH, count, percent

_PICTURES = 12
_PICTURES_OF_LARGE_IMAGES = 6
_LARGE_SIDE_PX = 64


@dataclass(frozen=True)
class AuditRecord:
    """An audit with what its page needs besides.

    Attributes
    ----------
    columns
        At least those of `STIMULUS_AUDIT`.
    images
        The stimulus set's images.h5.
    unit
        Of the predicted responses.
    was_shown
        Whether the session is over.
    """

    columns: Columns
    images: Path
    unit: str = "z"
    was_shown: bool = False


def audit_page(
    record: AuditRecord,
    *,
    title: str,
    facts: Sequence[tuple[str, str]],
    command: str,
    simulated: bool,
    links: Sequence[Link] = (),
    notices: Sequence[str] = (),
    numbers_file: str = "",
    in_folder: str = "",
    made_by: str = Page.made_by,
) -> Page:
    """Return the page of a stimulus set.

    Parameters
    ----------
    record
        What was made.
    title, facts
        Of whom or what.
    command
        What makes the page again.
    simulated
        Whether the model is of a simulated subject.
    links
        Pages beside it.
    notices
        What else the reader is warned of.
    numbers_file, in_folder, made_by
        Where the numbers of its figures are written, where the command is to be typed, and what it does.

    Raises
    ------
    DocumentError
        The images are missing or damaged.
    """
    with drawing.style():
        sections = (_in_short(record), _by_size(record), *_pictures(record), _extremes(record))
    return Page(
        title=title,
        subtitle=f"What {'was' if record.was_shown else 'will be'} shown, from its bytes: how far it is from the clean "
        "image, and what else changed.",
        facts=tuple(facts),
        command=command,
        simulated=simulated,
        notices=(*notices, *_notices(record.columns)),
        links=tuple(links),
        sections=tuple(section for section in sections if section is not None),
        numbers_file=numbers_file,
        in_folder=in_folder,
        made_by=made_by,
    )


def _notices(columns: Columns) -> list[str]:
    beyond = n_beyond_budget(columns)
    return [f"{count(beyond)} stimuli are beyond their budget: do not show them."] if beyond else []


def _in_short(record: AuditRecord) -> PageSection:
    columns = record.columns
    attacked = columns["kind"] == "attacked"
    budget = np.where(columns["epsilon"] > 0, columns["epsilon"], np.inf)  # a sham uses nothing of any
    used = columns["realised_epsilon"] / budget
    kept_of = kept(columns)[attacked]
    clipped = columns["n_clipped"] > 0
    brightness = np.abs(shift(columns, "luminance"))
    return PageSection(
        "in-short",
        "In short",
        cards=(
            Card("attacked images", count(int(attacked.sum())), _beside(columns)),
            Card(
                "of the budget used",
                _thousandths(_median(used)),
                f"at most {_thousandths(_largest(used))}, by the bytes",
            ),
            Card(
                "predicted change kept", percent(_median(kept_of)), "median; of the largest change found, by the model"
            ),
            Card("with values clipped", percent(float(clipped.mean())), f"at most {_most_clipped(columns)} values"),
            Card(
                "brightness shift",
                percent(_median(brightness)),
                f"median size; at most {percent(_largest(brightness))}",
            ),
        ),
    )


def _by_size(record: AuditRecord) -> PageSection:
    columns = record.columns
    table = size_table(columns, unit=record.unit)
    if not drawn_epsilons(columns):  # a day of probes alone: they have but one size
        return PageSection("by-size", "By size", tables=(table,))
    caption = "Median and quartiles over the stimuli. Rounding to grey levels costs most where an attack is smallest."
    figure = plate(by_epsilon(columns), "What the bytes are", caption=caption, least_width_px=640)
    return PageSection("by-size", "By size", wide=(figure,), tables=(table,))


def _pictures(record: AuditRecord) -> list[PageSection]:
    """Show some attacks of every epsilon, evenly spread over the set."""
    columns = record.columns
    sections = []
    for epsilon in sorted(set(columns["epsilon"].tolist())):
        rows = np.flatnonzero((columns["kind"] == "attacked") & (columns["epsilon"] == epsilon))
        if rows.size:
            n = min(_n_pictures(record), rows.size)
            chosen = rows[np.linspace(0, rows.size - 1, n).round().astype(np.int64)]
            heading = f"ε = {epsilon:g}: {n} of {count(rows.size)} attacks"
            sections.append(_shown(record, chosen, anchor=f"epsilon-{epsilon:g}", heading=heading, intro=_INTRO))
    return sections


_INTRO = (
    "Evenly spread over the set, not chosen by effect. The bytes, pixel for pixel. The difference is magnified twenty "
    "times around mid-grey and clipped."
)


def _extremes(record: AuditRecord) -> PageSection | None:
    """Show what to look at before showing it to an animal: the stimuli in which most else changed."""
    columns = record.columns
    loss = np.where(np.isfinite(columns["rounding_loss"]), columns["rounding_loss"], -np.inf)
    sizes = (
        np.abs(np.nan_to_num(shift(columns, "luminance"))),
        np.abs(np.nan_to_num(shift(columns, "contrast"))),
        columns["n_clipped"],
        loss,
    )
    rows = np.array(list(dict.fromkeys(int(size.argmax()) for size in sizes if len(size))), dtype=np.int64)
    if not rows.size:
        return None
    intro = (
        "Extreme, not typical: the stimulus with the largest shift of brightness, of contrast, with most clipped "
        "values, and with the largest rounding loss (what its bytes move less than the best image found)."
    )
    return _shown(record, rows, anchor="extremes", heading="The extremes", intro=intro)


def _shown(record: AuditRecord, rows: NDArray[np.int64], *, anchor: str, heading: str, intro: str) -> PageSection:
    columns = record.columns
    clean, shown = (
        read_rows(record.images, STIMULUS_IMAGES, name="images", rows=columns[name][rows].tolist())
        for name in ("clean_index", "image_index")
    )
    pairs = [
        Pair(before, after, _label(columns, row), _numbers(record, row))
        for before, after, row in zip(clean, shown, rows.tolist(), strict=True)
    ]
    return PageSection(anchor, heading, intro, triples=tuple(triple(pair) for pair in pairs))


def _label(columns: Columns, row: int) -> str:
    kind, site = columns["kind"][row], columns["site_index"][row]
    what = {
        "attacked": f"output {site}",
        PREFERENCE: f"output {site}, least preferred",
        "yesterday": f"output {site}, yesterday's",
    }.get(kind, kind)
    return f"{columns['category'][row]} · {what} · ε = {columns['epsilon'][row]:g}"


def _numbers(record: AuditRecord, row: int) -> str:
    columns = record.columns
    change = f"{_signed(columns['predicted_change_float'][row])} → {_signed(columns['predicted_change'][row])}"
    predicted = f"{change} {record.unit}; " if np.isfinite(columns["predicted_change"][row]) else ""
    return (
        f"{predicted}realised ε {columns['realised_epsilon'][row]:.4f}; "
        f"{count(int(columns['n_changed'][row]))} values changed by up to {columns['largest_change'][row]}, "
        f"{count(int(columns['n_clipped'][row]))} clipped; brightness "
        f"{_signed_percent(shift(columns, 'luminance')[row])}, contrast "
        f"{_signed_percent(shift(columns, 'contrast')[row])}"
    )


def _n_pictures(record: AuditRecord) -> int:
    (first,) = read_rows(record.images, STIMULUS_IMAGES, name="images", rows=[0])
    return _PICTURES if first.shape[0] <= _LARGE_SIDE_PX else _PICTURES_OF_LARGE_IMAGES


def _beside(columns: Columns) -> str:
    """Say how many attacks for category preference, controls and probes there are beside the attacks."""
    n_raised = int((columns["kind"] == PREFERENCE).sum())
    n_probes = int((columns["kind"] == PROBE).sum())
    n_controls = int(np.isin(columns["kind"], CONTROL_KINDS).sum())
    said = f"and {count(n_controls)} controls" if n_controls else "and no controls"
    said += f", {count(n_raised)} attacked for category preference" if n_raised else ""
    return f"{said}, {count(n_probes)} probes" if n_probes else said


def _most_clipped(columns: Columns) -> str:
    return count(int(columns["n_clipped"].max(initial=0)))


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _largest(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else float("nan")


def _thousandths(share: float) -> str:
    """Return a share of the budget as text, rounded down: what is inside it must not read as all of it."""
    return f"{np.floor(1e5 * share) / 1e3:.3f} %" if np.isfinite(share) else DASH


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _signed_percent(value: float) -> str:
    return f"{100 * value:+.2f} %".replace("-", "−") if np.isfinite(value) else DASH
