"""Tables and array files that `closedloop recording` writes for anyone, outside of a study."""

from __future__ import annotations

from collections.abc import Mapping

from closedloop.artifacts.layouts import ArrayLayout, Column, Dataset, TableLayout

ALIGNED_CODES = TableLayout(
    kind="aligned_codes",
    columns={
        "device": Column("string", "", "name of the recorder's files"),
        "sent_index": Column("int64", "", "number of the code in the journal, trial starts included"),
        "ordinal": Column("int64", "", "ordinal of the presentation in the journal; -1 for a trial's start"),
        "presentation_index": Column("int64", "", "row of the planned presentations; -1 for a trial's start"),
        "accepted": Column("bool", "", "whether the rig accepted the presentation; false for a trial's start"),
        "code": Column("int64", "", "code as the journal has it"),
        "rig_s": Column("float64", "s", "when it was sent, rig's clock"),
        "epoch": Column("int32", "", "segment of the recorder's clock; -1 where unknown"),
        "onset_tick": Column("float64", "recorder ticks", "onset in that epoch; NaN where unknown"),
        "source": Column("string", "", "photodiode, code, fit (by the clocks) or none"),
        "reason": Column("string", "", "why there is no onset; empty where there is one"),
        "code_tick": Column("float64", "recorder ticks", "when the code was received; NaN where lost"),
        "received_index": Column("int64", "", "number of the received code on its device; -1 where lost"),
        "changed": Column("bool", "", "the code arrived with flipped bits"),
        "lag_ms": Column("float64", "ms", "photodiode onset minus code (or its expected time); NaN without an onset"),
    },
)


RECORDING_EVENTS = TableLayout(
    kind="recording_events",
    columns={
        "kind": Column("category", "", "spike, digital, serial, comment, pause, resume, or other"),
        "epoch": Column("uint16", "", "segment of the recorder's clock, from 0; ticks start again in each"),
        "tick": Column("int64", "ticks", "on the recorder's clock; metadata tick_hz says how many a second"),
        "time_s": Column("float64", "s", "the same in seconds"),
        "electrode_id": Column("uint16", "", "the recorder's number of a spike's electrode, else null", may_miss=True),
        "unit": Column("uint8", "", "a spike's unit as the recorder sorted it, 0 unsorted; else null", may_miss=True),
        "value": Column("uint16", "", "a digital or serial code, another packet's id; else null", may_miss=True),
        "text": Column("string", "", "a comment's text, else null", may_miss=True),
    },
)


def events_table(n_analog_inputs: int) -> TableLayout:
    """Return the layout of the table of events; specifications 2.1 and 2.2 carry analog values with digital packets."""
    if not n_analog_inputs:
        return RECORDING_EVENTS
    why = "why a digital packet was stored: bit 0 its code changed, 7 serial, n analog input n; else null"
    reason = Column("uint8", "", why, may_miss=True)
    analog = {
        f"analog_{number}": Column(
            "int16", "mV", f"analog input {number} in a digital packet (Ripple: SMA input); else null", may_miss=True
        )
        for number in range(1, n_analog_inputs + 1)
    }
    return TableLayout(RECORDING_EVENTS.kind, {**RECORDING_EVENTS.columns, "reason": reason, **analog})


DIGITAL_EDGES = TableLayout(
    kind="digital_edges",
    columns={
        "epoch": Column("uint16", "", "segment of the recorder's clock, from 0; ticks start again in each"),
        "tick": Column("int64", "ticks", "on the recorder's clock; metadata tick_hz says how many a second"),
        "time_s": Column("float64", "s", "the same in seconds"),
        "port": Column("category", "", "parallel or serial"),
        "bit": Column("uint8", "", "which line of the parallel port, 0 to 15; null for a serial code"),
        "edge": Column("category", "", "rising or falling; null for a serial code"),
        "value": Column("uint16", "", "the port's 16 bits from here on, or the serial code"),
        "certain": Column(
            "bool", "", "false where the state before was not recorded: first of a clock segment or after a pause"
        ),
    },
)

SPIKE_WAVEFORMS = ArrayLayout(
    kind="spike_waveforms",
    datasets={
        "electrode_id": Dataset("uint16", ("spike",), ""),
        "unit": Dataset("uint8", ("spike",), ""),
        "epoch": Dataset("uint16", ("spike",), ""),
        "tick": Dataset("int64", ("spike",), "ticks"),
        "time_s": Dataset("float64", ("spike",), "s"),
        "waveform": Dataset("float32", ("spike", "sample"), "uV"),
        "described_electrode_id": Dataset("uint16", ("electrode",), ""),
        "described_label": Dataset("S64", ("electrode",), ""),
        "described_uv_per_bit": Dataset("float64", ("electrode",), "uV"),
        "described_n_samples": Dataset("uint16", ("electrode",), ""),
    },
)

CONTINUOUS_SAMPLES = ArrayLayout(
    kind="continuous_samples",
    datasets={
        "epoch": Dataset("uint16", ("sample",), ""),
        "segment": Dataset("uint32", ("sample",), ""),
        "tick": Dataset("int64", ("sample",), "ticks"),
        "time_s": Dataset("float64", ("sample",), "s"),
        "samples": Dataset("float32", ("sample", "channel"), "as channel_unit says"),
        "channel_id": Dataset("uint32", ("channel",), ""),
        "channel_label": Dataset("S64", ("channel",), ""),
        "channel_unit": Dataset("S16", ("channel",), ""),
    },
)

_SAMPLE_TIMES = {
    "epoch": Column("uint16", "", "segment of the recorder's clock, from 0; ticks start again in each"),
    "segment": Column("uint32", "", "uninterrupted segment of the file, from 0; between two is a gap"),
    "tick": Column("int64", "ticks", "on the recorder's clock; metadata tick_hz says how many a second"),
    "time_s": Column("float64", "s", "the same in seconds"),
}


def samples_table(units: Mapping[str, str]) -> TableLayout:
    """Return the layout of a table of continuous samples: when, and a column a channel.

    Parameters
    ----------
    units
        Unit of each channel's values, by the name of its column.
    """
    channels = {name: Column("float32", unit, "a channel's samples") for name, unit in units.items()}
    return TableLayout("continuous_samples", {**_SAMPLE_TIMES, **channels})
