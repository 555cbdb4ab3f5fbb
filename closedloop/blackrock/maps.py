"""Array maps as Blackrock delivers them with an implant: ``.cmp`` files.

Lines that begin with ``//`` are comments; the first other line is a description; every further line is one contact:
``column row bank electrode label``, column and row from 0 at the array's corner, the bank a letter, the electrode 1 to
32 in it. One file covers one processor, and possibly two arrays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.blackrock.arrays import MappedElectrode, electrode_of_bank
from closedloop.blackrock.header_fields import readable
from closedloop.errors import RecordingError

_CONTACT = re.compile(r"([0-9]{1,3})\s+([0-9]{1,3})\s+([A-Pa-p])\s+([0-9]{1,3})(?:\s+(\S{1,100}))?\s*")
_MOST_BYTES = 1 << 20  # of a file; that of a processor's 512 electrodes has 10 kB
_LARGEST_IN_BANK = 32
_NUMBERED = re.compile(r"(.*\D)\d+|\d+")  # a label's text before its last number names the array


@dataclass(frozen=True)
class _Contact:
    line: int
    column: int
    row: int
    number: int
    label: str

    @property
    def family(self) -> str:
        found = _NUMBERED.fullmatch(self.label)
        return (found.group(1) or "") if found else ""


def read_array_map(
    file: Path, *, processor: int = 1, names: Sequence[str] | None = None
) -> tuple[MappedElectrode, ...]:
    r"""Read the arrays of one processor.

    Two arrays in one file are told apart by their labels ("V4-01" and "IT-01"), in the order of the recorder's numbers.
    A site's number is its place among its array's contacts in that order: "array1-042".

    Parameters
    ----------
    file
        A ``.cmp`` file.
    processor
        Which processor it describes, from 1.
    names
        Names of its arrays; "array1" and so on if None, a second processor's going on after `processor`.

    Raises
    ------
    RecordingError
        The file is missing, a line is no contact, or two contacts share a place, a bank's electrode or a label.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from closedloop.blackrock import read_array_map
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "nsp1.cmp"
    ...     _ = file.write_text("implant 1\n0 0 A 1 IT-01\n1 0 A 2 IT-02\n")
    ...     contacts = read_array_map(file)
    >>> [(one.neuroid_id, one.electrode_id, one.row, one.column) for one in contacts]
    [('array1-001', 1, 0, 0), ('array1-002', 2, 0, 1)]
    """
    contacts = sorted(_contacts(file), key=lambda contact: contact.number)
    families = _families(file, contacts)
    names = names or [f"array{processor + place}" for place in range(len(families))]
    if len(names) != len(families):
        raise RecordingError(
            f"{file}: expected {len(names)} arrays ({', '.join(names)}), found {len(families)} kinds of label. "
            "Name as many arrays as the map has."
        )
    return tuple(
        _map_contact(contact, name, place, processor)
        for name, members in zip(names, families, strict=True)
        for place, contact in enumerate(members, start=1)
    )


def _map_contact(contact: _Contact, name: str, place: int, processor: int) -> MappedElectrode:
    return MappedElectrode(
        neuroid_id=f"{name}-{place:03d}",
        array=name,
        processor=processor,
        electrode_id=contact.number,
        label=contact.label,
        row=contact.row,
        column=contact.column,
    )


def _contacts(file: Path) -> list[_Contact]:
    numbered = [(number, line.strip()) for number, line in enumerate(_lines(file), start=1)]
    said = [(number, line) for number, line in numbered if line and not line.startswith("//")]
    rows = said[0 if said and _CONTACT.fullmatch(said[0][1]) else 1 :]
    if not rows:
        raise RecordingError(
            f"{file}: expected contacts (column row bank electrode label), found none. Give the implant's .cmp file."
        )
    return [_contact(file, number, line) for number, line in rows]


def _lines(file: Path) -> list[str]:
    if not file.exists() or file.is_dir():
        raise RecordingError(f"{file}: expected an array map (.cmp), found no file. Correct the path.")
    with readable(file), file.open("rb") as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise RecordingError(
            f"{file}: expected an array map (.cmp) of at most {_MOST_BYTES} bytes, found more. Give the implant's .cmp "
            "file."
        )
    return content.decode("latin_1").splitlines()


def _contact(file: Path, number: int, line: str) -> _Contact:
    found = _CONTACT.fullmatch(line)
    if found is None or not 1 <= int(found.group(4)) <= _LARGEST_IN_BANK:
        raise RecordingError(
            f"{file}, line {number}: expected column, row, bank A to P, electrode 1 to 32 and label, "
            f"found {line!r:.60}. Restore the implant's .cmp file."
        )
    column, row, bank, electrode, label = found.groups()
    recorder_number = electrode_of_bank(ord(bank.upper()) - ord("A"), int(electrode))
    return _Contact(number, int(column), int(row), recorder_number, label or f"elec{recorder_number}")


def _families(file: Path, contacts: Sequence[_Contact]) -> list[list[_Contact]]:
    """Split the contacts into arrays; refuse a map that names something twice."""
    families: dict[str, list[_Contact]] = {}
    for contact in contacts:
        families.setdefault(contact.family, []).append(contact)
    _refuse_twice(file, "bank and electrode", [(contact.number, contact) for contact in contacts])
    _refuse_twice(file, "label", [(contact.label, contact) for contact in contacts])
    for members in families.values():
        _refuse_twice(file, "place", [((member.column, member.row), member) for member in members])
    return list(families.values())


def _refuse_twice(file: Path, what: str, keyed: Sequence[tuple[object, _Contact]]) -> None:
    seen: dict[object, _Contact] = {}
    for key, contact in keyed:
        if key in seen:
            raise RecordingError(
                f"{file}, line {contact.line}: expected a {what} of its own, found that of line {seen[key].line}. "
                "Correct the map; two arrays in one file need labels such as V4-01 and IT-01."
            )
        seen[key] = contact
