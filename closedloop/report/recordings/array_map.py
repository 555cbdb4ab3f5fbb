"""A picture of the arrays in a map: which electrode lies where, which bank it is wired to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from closedloop import __version__
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, plate, render
from closedloop.report.tables import Table
from closedloop.report.wording import count

# Light enough for black numbers, and told apart by colour-blind eyes; the bank's letter stands in every cell besides.
_BANK_COLOURS = ("#cfe3f5", "#fde2bf", "#cfeadb", "#ead9f2", "#f6d3d6", "#d9eef1", "#eee6c8", "#e3e6ea")
_CELL_IN = 0.62
_PX_A_CELL = 52


@dataclass(frozen=True)
class ArrayContact:
    """A contact of an array: the recorder's number and label, its bank and place there, its place on the array.

    `site` is the name under which a study knows it.
    """

    array: str
    site: str
    electrode_id: int
    label: str
    bank: str
    contact: int
    column: int
    row: int


@dataclass(frozen=True)
class MapRecord:
    """What the page is about: an array map's file, its contacts, and what makes the page again."""

    file: str
    command: str
    contacts: tuple[ArrayContact, ...]


def arrays_of(contacts: Sequence[ArrayContact]) -> dict[str, list[ArrayContact]]:
    """Return the contacts of each array, by its name."""
    arrays: dict[str, list[ArrayContact]] = {}
    for one in contacts:
        arrays.setdefault(one.array, []).append(one)
    return arrays


def map_figure(arrays: Mapping[str, Sequence[ArrayContact]], *, titles: bool) -> Figure:
    """Draw arrays side by side, each as its map has it: column 0 on the left, row 0 at the bottom.

    Parameters
    ----------
    arrays
        The contacts of each array, by its name.
    titles
        Whether the names stand above.
    """
    n_columns = [max(one.column for one in contacts) + 1 for contacts in arrays.values()]
    n_rows = max(max(one.row for one in contacts) for contacts in arrays.values()) + 1
    width = sum(_CELL_IN * n + 0.7 for n in n_columns)
    figure, panels = drawing.new_figure(len(arrays), width=width, height=_CELL_IN * n_rows + 0.8)
    for axes, n, (name, contacts) in zip(panels, n_columns, arrays.items(), strict=True):
        _draw_frame(axes, n, n_rows)
        axes.set_title(name if titles else "")
        for one in contacts:
            _draw_contact(axes, one)
    return figure


def _draw_frame(axes: Axes, n_columns: int, n_rows: int) -> None:
    axes.set_xlim(-0.05, n_columns + 0.05)
    axes.set_ylim(-0.05, n_rows + 0.05)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([column + 0.5 for column in range(n_columns)], [str(column) for column in range(n_columns)])
    axes.set_yticks([row + 0.5 for row in range(n_rows)], [str(row) for row in range(n_rows)])
    axes.set_xlabel("column")
    axes.set_ylabel("row")


def _draw_contact(axes: Axes, one: ArrayContact) -> None:
    column, row = one.column, one.row
    colour = _BANK_COLOURS[(ord(one.bank) - ord("A")) % len(_BANK_COLOURS)]
    axes.add_patch(Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, facecolor=colour, edgecolor="white"))
    for text, height, size, ink in (
        (str(one.electrode_id), 0.62, 10.0, drawing.INK),
        (f"{one.bank}{one.contact}", 0.26, 6.5, drawing.SOFT),
    ):
        axes.text(column + 0.5, row + height, text, fontsize=size, color=ink, ha="center", va="center")


def map_png(contacts: Sequence[ArrayContact]) -> bytes:
    """Return the picture of all arrays of a map as an image file."""
    with drawing.style():
        return drawing.png(map_figure(arrays_of(contacts), titles=True))


def map_page(record: MapRecord) -> bytes:
    """Return the page of all arrays of a map as one HTML file that needs nothing else."""
    arrays = arrays_of(record.contacts)
    with drawing.style():
        sections = tuple(_section(name, contacts) for name, contacts in arrays.items())
    return render(
        Page(
            title="Array map",
            subtitle="Which electrode lies where on the array, and which contact of which bank it is wired to.",
            facts=(
                ("file", record.file),
                ("arrays", ", ".join(arrays)),
                ("electrodes", count(len(record.contacts))),
                ("software", f"closedloop {__version__}"),
            ),
            command=record.command,
            simulated=False,
            notices=(),
            links=(),
            sections=sections,
            source="",
        )
    )


def _section(name: str, contacts: Sequence[ArrayContact]) -> PageSection:
    banks = sorted({one.bank for one in contacts})
    caption = (
        "Large: the recorder's number of the electrode; small: its bank and contact; coloured by bank. As the map "
        "counts: column 0 on the left, row 0 at the bottom. The map does not say from which side the array is seen."
    )
    n_columns = max((one.column) for one in contacts) + 1
    drawn = map_figure({name: contacts}, titles=False)
    picture = plate(drawn, "The array", caption=caption, least_width_px=_PX_A_CELL * n_columns)
    return PageSection(
        f"array-{name}",
        name,
        cards=(
            Card("electrodes", count(len(contacts)), ""),
            Card("banks", ", ".join(banks), ""),
        ),
        wide=(picture,),
        folded=((f"Every electrode ({count(len(contacts))})", _table(contacts)),),
    )


def _table(contacts: Sequence[ArrayContact]) -> Table:
    return Table(
        columns=("electrode", "label", "bank", "contact", "column", "row", "site"),
        rows=tuple(
            (
                str(one.electrode_id),
                one.label,
                one.bank,
                str(one.contact),
                str(one.column),
                str(one.row),
                one.site,
            )
            for one in contacts
        ),
        caption="Site: how a study without names of its own calls it, by its place among its array's electrodes.",
    )
