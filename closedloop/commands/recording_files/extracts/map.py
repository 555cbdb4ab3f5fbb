"""`closedloop recording map`: what an array map says, as text, as a picture or as a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from closedloop.blackrock.arrays import MappedElectrode, bank_of
from closedloop.blackrock.maps import read_array_map
from closedloop.commands.recording_files.outputs import check_output
from closedloop.plain_text.printed import command_line
from closedloop.report.recordings.array_map import ArrayContact, MapRecord, arrays_of, map_page, map_png
from closedloop.storage import write_bytes

_NO_CONTACT = "."


def read_map(file: Path, names: str | None = None) -> tuple[ArrayContact, ...]:
    """Read a map, with the arrays' names as ``--names`` has them ("V4,IT")."""
    found = read_array_map(file, names=[name.strip() for name in names.split(",")] if names else None)
    return tuple(_contact(one) for one in found)


def _contact(one: MappedElectrode) -> ArrayContact:
    bank, contact = bank_of(one.electrode_id)
    return ArrayContact(
        array=one.array,
        site=one.neuroid_id,
        electrode_id=one.electrode_id,
        label=one.label,
        bank=bank,
        contact=contact,
        column=one.column or 0,
        row=one.row or 0,
    )


def write_picture(file: Path, contacts: Sequence[ArrayContact], out: Path, *, names: str | None) -> None:
    """Write the arrays as a page or as an image file.

    Parameters
    ----------
    file
        The .cmp.
    contacts
        What it says.
    out
        .html or .png.
    names
        As the arrays' names were given.

    Raises
    ------
    RecordingError
        The name ends otherwise.
    StorageError
        The picture cannot be written.
    """
    check_output(out, (".html", ".png"))
    if out.suffix.lower() == ".png":
        write_bytes(out, map_png(contacts))
        return
    given = ("--names", names) if names else ()
    command = command_line("closedloop", "recording", "map", Path(file.name), *given, "--out", Path(out.name))
    write_bytes(out, map_page(MapRecord(file.name, command, tuple(contacts))))


def map_lines(file: Path, contacts: Sequence[ArrayContact]) -> list[str]:
    """Return the arrays as they lie, by the recorder's numbers: column 0 on the left, row 0 at the bottom."""
    arrays = arrays_of(contacts)
    lines = [f"{file}: {_some(len(contacts), 'electrode')}, {_some(len(arrays), 'array')}"]
    for name, own in arrays.items():
        banks = Counter(one.bank for one in own)
        wired = ", ".join(f"{bank} {n}" for bank, n in sorted(banks.items()))
        labels = " to ".join(dict.fromkeys([own[0].label, own[-1].label]))
        lines += ["", f"{name}: {_some(len(own), 'electrode')}, {labels}; bank {wired}", *_grid(own)]
    return lines


def _some(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")


def _grid(contacts: Sequence[ArrayContact]) -> list[str]:
    numbers = {(one.row, one.column): str(one.electrode_id) for one in contacts}
    n_rows, n_columns = max(row for row, _ in numbers) + 1, max(column for _, column in numbers) + 1
    width = max(len(number) for number in [*numbers.values(), str(n_columns)]) + 1
    edge = max(len("column"), len(f"row {n_rows - 1}"))
    rows = [
        f"{f'row {row}':<{edge}} "
        + "".join(f"{numbers.get((row, column), _NO_CONTACT):>{width}}" for column in range(n_columns))
        for row in range(n_rows - 1, -1, -1)
    ]
    return [*rows, f"{'column':<{edge}} " + "".join(f"{column:>{width}}" for column in range(n_columns))]


def map_as_json(file: Path, contacts: Sequence[ArrayContact]) -> str:
    """Return every contact as JSON."""
    return json.dumps({"file": str(file), "electrodes": [asdict(one) for one in contacts]}, indent=2)
