"""Tables that `closedloop recording` writes for anyone, outside of a study."""

from __future__ import annotations

from closedloop.artifacts.tables import Column, TableLayout

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
        "electrode_id": Column("uint16", "", "the recorder's number of a spike's electrode, else null"),
        "unit": Column("uint8", "", "a spike's unit as the recorder sorted it, 0 unsorted; else null"),
        "value": Column("uint16", "", "a digital or serial code, another packet's id; else null"),
        "text": Column("string", "", "a comment's text, else null"),
    },
)
