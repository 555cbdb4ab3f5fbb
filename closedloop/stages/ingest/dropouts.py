"""Dropouts of a bank of electrodes as gaps of what was recorded on them."""

from __future__ import annotations

from collections import defaultdict

from closedloop.detection.dropouts import BankDropout, dropout_lines
from closedloop.recording.banks import banks_of
from closedloop.recording.gaps import cut_out
from closedloop.stages.ingest.coverage import Coverage, DeviceCoverage
from closedloop.stages.ingest.recording import DayDevice


def without_dropouts(coverage: DeviceCoverage, own: DayDevice) -> DeviceCoverage:
    """Take the dropouts that a device's voltage shows out of what was recorded on these banks, and say so.

    The recorder found no spikes in them either: that holds for its own spikes as for those found in the voltage, and
    for the bank's electrodes whose voltage was not kept. Short ones are bridged, as short holes are.

    Parameters
    ----------
    coverage
        When the electrodes were recorded, dropouts aside.
    own
        The device.
    """
    found = own.dropouts()
    if not found:
        return coverage
    of_bank: dict[int, list[BankDropout]] = defaultdict(list)
    for one in (one for one in found if not one.is_short):
        of_bank[one.bank].append(one)
    groups = [part for group in coverage.groups for part in _by_bank(group, of_bank)]
    in_order = sorted(groups, key=lambda group: (not group.segments, -len(group.electrode_ids)))
    said = dropout_lines(found, own.electrode_ids, own.device.tick_hz)
    return DeviceCoverage(tuple(in_order), (*coverage.remarks, *said))


def _by_bank(group: Coverage, of_bank: dict[int, list[BankDropout]]) -> list[Coverage]:
    """Divide a group: the electrodes without a dropout, and each bank with some."""
    electrodes: dict[int | None, list[int]] = defaultdict(list)
    for electrode, bank in zip(group.electrode_ids, banks_of(group.electrode_ids).tolist(), strict=True):
        electrodes[bank if bank in of_bank else None].append(electrode)
    return [
        Coverage(
            tuple(ids),
            group.segments if bank is None else cut_out(group.segments, of_bank[bank]),
            group.counted_from,
        )
        for bank, ids in electrodes.items()
    ]
