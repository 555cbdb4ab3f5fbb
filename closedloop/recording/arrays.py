"""Which electrode belongs to which Utah array, and the name under which a site is known across days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.errors import RecordingError


@dataclass(frozen=True)
class UtahArray:
    """One array, whose electrodes the recorder numbers without a hole."""

    name: str
    first_electrode_id: int
    n_electrodes: int

    @property
    def electrode_ids(self) -> range:
        """The recorder's numbers of its electrodes."""
        return range(self.first_electrode_id, self.first_electrode_id + self.n_electrodes)


@dataclass(frozen=True)
class ArrayMap:
    """All arrays of a subject.

    Raises
    ------
    ValueError
        Two arrays share a name or an electrode.
    """

    arrays: tuple[UtahArray, ...]

    def __post_init__(self) -> None:
        names = [array.name for array in self.arrays]
        if len(set(names)) < len(names) or len(set(self.electrode_ids)) < len(self.electrode_ids):
            raise ValueError("two arrays share a name or an electrode")

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """The recorder's numbers of all electrodes, array by array."""
        return tuple(electrode for array in self.arrays for electrode in array.electrode_ids)

    @property
    def neuroid_ids(self) -> tuple[str, ...]:
        """Names of all sites, in the order of `electrode_ids`."""
        return tuple(self.neuroid_id(electrode) for electrode in self.electrode_ids)

    def neuroid_id(self, electrode_id: int) -> str:
        """Name a site by array and place in it: "array1-042".

        Raises
        ------
        RecordingError
            No array has this electrode.
        """
        for array in self.arrays:
            if electrode_id in array.electrode_ids:
                return f"{array.name}-{electrode_id - array.first_electrode_id + 1:03d}"
        raise RecordingError(
            f"electrode {electrode_id}: expected an electrode of {', '.join(array.name for array in self.arrays)}, "
            "found none. Check the array map of the study."
        )

    def electrode_id(self, neuroid_id: str) -> int:
        """Find the recorder's number of a named site.

        Raises
        ------
        RecordingError
            No array has this site.
        """
        for electrode_id in self.electrode_ids:
            if self.neuroid_id(electrode_id) == neuroid_id:
                return electrode_id
        raise RecordingError(
            f"site {neuroid_id}: expected a site of {', '.join(array.name for array in self.arrays)}, found none. "
            "Check the array map of the study."
        )


def utah_arrays(n_electrodes: Sequence[int] = (96, 96), *, first_electrode_id: int = 1) -> ArrayMap:
    """Map "array1", "array2" and so on to electrodes numbered one after the other, as on one processor."""
    arrays: list[UtahArray] = []
    for index, size in enumerate(n_electrodes):
        arrays.append(UtahArray(f"array{index + 1}", first_electrode_id, size))
        first_electrode_id += size
    return ArrayMap(tuple(arrays))
