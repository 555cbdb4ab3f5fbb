"""Which electrode belongs to which Utah array, where on it, and the name under which its site is known across days.

A recorder numbers the electrodes of each of its processors (NSP) from 1, so that a number alone names no site: an
electrode is known by (processor, number), a site by its `neuroid_id`, such as "array2-042".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.errors import RecordingError

BANK_ELECTRODES = 32  # contacts of a bank: a Blackrock front end's connector


@dataclass(frozen=True)
class MappedElectrode:
    """A contact of an array.

    Attributes
    ----------
    neuroid_id
        Name of its site: array and place.
    array
        Name of the array.
    processor
        Which of the recorder's processors it is wired to, from 1.
    electrode_id
        That processor's number of it.
    label
        Its name in the recorder's files; empty where unknown.
    row, column
        Place on the array as the map counts it, from 0; None without a map.
    """

    neuroid_id: str
    array: str
    processor: int
    electrode_id: int
    label: str = ""
    row: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class ArrayMap:
    """All contacts of a subject's arrays.

    Raises
    ------
    ValueError
        Two contacts share a name, or a processor's number.
    """

    electrodes: tuple[MappedElectrode, ...]

    def __post_init__(self) -> None:
        for shared in (
            [one.neuroid_id for one in self.electrodes],
            [(one.processor, one.electrode_id) for one in self.electrodes],
        ):
            if len(set(shared)) < len(shared):
                raise ValueError("two electrodes share a name or a recorder's number")

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of the arrays, in order."""
        return tuple(dict.fromkeys(one.array for one in self.electrodes))

    @property
    def neuroid_ids(self) -> tuple[str, ...]:
        """Names of all sites."""
        return tuple(one.neuroid_id for one in self.electrodes)

    def by_number(self, processor: int, electrode_id: int) -> MappedElectrode:
        """Find a contact by the recorder's number.

        Raises
        ------
        RecordingError
            No array has it.
        """
        where = f"processor {processor}, electrode {electrode_id}"
        found = [one for one in self.electrodes if (one.processor, one.electrode_id) == (processor, electrode_id)]
        return self._only(found, where)

    def by_label(self, label: str, *, processor: int | None = None) -> MappedElectrode:
        """Find a contact by its label, on one processor or on all.

        Raises
        ------
        RecordingError
            No array has it, or several processors do.
        """
        where = f"electrode {label!r}" if processor is None else f"processor {processor}, electrode {label!r}"
        found = [one for one in self.electrodes if one.label == label and processor in (None, one.processor)]
        return self._only(found, where)

    def by_name(self, neuroid_id: str) -> MappedElectrode:
        """Find a contact by its site's name.

        Raises
        ------
        RecordingError
            No array has this site.
        """
        return self._only([one for one in self.electrodes if one.neuroid_id == neuroid_id], f"site {neuroid_id}")

    def _only(self, found: Sequence[MappedElectrode], where: str) -> MappedElectrode:
        if len(found) == 1:
            return found[0]
        raise RecordingError(
            f"{where}: expected one electrode of {', '.join(self.arrays) or 'a mapped array'}, found {len(found)}. "
            "Check the array map."
        )


def numbered_array(
    processor: int, electrode_ids: Sequence[int], *, labels: Sequence[str] | None = None
) -> tuple[MappedElectrode, ...]:
    """Take a processor's electrodes for one array, where there is no map: "array1-042" is number 42 of the first.

    The name follows from the numbers alone, not from which electrodes a day happens to have.

    Parameters
    ----------
    processor
        Number of the processor, from 1.
    electrode_ids
        Its numbers of the electrodes.
    labels
        Their names in the recorder's files, one each; empty if None.
    """
    name = f"array{processor}"
    return tuple(
        MappedElectrode(f"{name}-{electrode:03d}", name, processor, electrode, label)
        for electrode, label in zip(electrode_ids, labels or [""] * len(electrode_ids), strict=True)
    )


def electrode_of_bank(bank: int, electrode: int) -> int:
    """Return the recorder's number of contact 1 to 32 of a bank (A is 0)."""
    return BANK_ELECTRODES * bank + electrode


def bank_of(electrode_id: int) -> tuple[str, int]:
    """Return the letter of an electrode's bank, and its contact 1 to 32 in it, by the recorder's number."""
    bank, contact = divmod(electrode_id - 1, BANK_ELECTRODES)
    return chr(ord("A") + bank), contact + 1
