"""Offline detection of a device's spikes, by the protocol's definition."""

from __future__ import annotations

from closedloop.recording.detection import detect
from closedloop.recording.device import Device, Voltage
from closedloop.recording.spike_definitions import DEFINITIONS
from closedloop.recording.spikes import Spikes, in_order, joined
from closedloop.stages.context import StageContext


def detect_on(device: Device, context: StageContext) -> Spikes:
    """Find the threshold crossings on every electrode with raw voltage, in the device's epochs."""
    return in_order(joined([_detect_in(voltage, context) for voltage in device.voltages]))


def _detect_in(voltage: Voltage, context: StageContext) -> Spikes:
    definition = DEFINITIONS[context.protocol.recording.detection]
    found = detect(voltage.samples, definition, electrode_ids=voltage.electrode_ids, on_progress=context.progress)
    return Spikes(voltage.device_epoch(found.epoch), found.tick, found.electrode_id)
