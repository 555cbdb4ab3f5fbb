"""What a session came to: spike counts, sealed predictions, sensitivity, and the files that all of it came from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pynwb.base import TimeSeries
from pynwb.core import DynamicTable

from closedloop.artifacts import catalog
from closedloop.artifacts.files.kinds import TableFile
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.tables import Columns
from closedloop.exchange.nwb.session import SIMULATED, ExportedSession
from closedloop.exchange.nwb.tables import Described, described, dynamic_table, stored


def counts_of(session: ExportedSession) -> TimeSeries | DynamicTable | None:
    """Return the spike counts of the presentations that are used, electrodes across; None where none is.

    A session of fewer presentations than electrodes has them as a table: of a series archives say that it lies on its
    side.
    """
    used = np.flatnonzero(session.responses["used"].astype(bool) & np.isfinite(session.onset_s))
    counts = session.counts["counts"][used]
    if not counts.size:
        return None
    recording = session.files.protocol_of(session.block.day).recording
    said = (
        f"Spikes from {recording.window_start_ms:g} to {recording.window_stop_ms:g} ms after the onset, a column an "
        "electrode in the order of the table of electrodes; NaN where it was not recorded. "
        f"Counted from: {'raw voltage by ' + recording.detection if recording.spikes_from == 'raw' else 'the units'}."
    )
    if len(used) < counts.shape[1]:
        columns = {
            "onset_s": Described(session.onset_s[used], "stimulus onset (s)"),
            "counts": Described(counts, "spikes in the window"),
        }
        return dynamic_table("responses", said, columns)
    return TimeSeries(
        name="responses",
        data=stored(counts),
        unit="spikes",
        timestamps=session.onset_s[used],
        description=said,
    )


def result_tables(session: ExportedSession) -> Iterator[DynamicTable]:
    """Yield the tables of the stimulus set with its seal, of sensitivity and of pairs, as far as the day has come."""
    seal = read_manifest(session.files.path(catalog.STIMULI, session.block.day).parent).outputs[catalog.STIMULI.name]
    yield dynamic_table(
        "stimuli",
        "Every image with what the model foretold before it was shown, in the order of order_of_images. Sealed before "
        f"the session: sha256 of stimuli.parquet {seal.sha256}.",
        described(catalog.STIMULI.layout.columns, session.stimuli),
    )
    for file, name, text in (
        (catalog.SENSITIVITY, "sensitivity", "How strongly sites followed the attacks, a row an estimate."),
        (catalog.PAIRS, "pairs", "Each changed image beside its clean one, at each site."),
    ):
        columns = _measured(file, session)
        so_far = " Of all sessions of the day up to this one." if session.block.number > 1 else ""
        if columns is not None and len(next(iter(columns.values()))) > 1:
            mark = SIMULATED + "With the hidden cortex's truth. " if session.truth else ""
            yield dynamic_table(name, mark + text + so_far, described(file.layout.columns, columns))


def _measured(file: TableFile, session: ExportedSession) -> Columns | None:
    """Read a table of `evaluate` of this session, the hidden cortex's own numbers left out; None before it ran."""
    path = file.published(session.files.paths, session.block.day)
    if not (path.parent / MANIFEST_NAME).is_file() or path.name not in read_manifest(path.parent).outputs:
        return None
    columns = file.read(path)
    if session.truth:
        return columns
    if "truth" in columns:
        measured = ~columns["truth"].astype(bool)
        columns = {name: values[measured] for name, values in columns.items() if name != "truth"}
    return {name: values for name, values in columns.items() if not name.startswith("true_")}


def source_files(session: ExportedSession) -> DynamicTable:
    """Return every file of the session by its path in the study, with its hash and its size."""
    found = [
        (f"{session.files.paths.relative(folder)}/{name}", entry.sha256, entry.n_bytes)
        for folder, manifest in session.manifests()
        for name, entry in manifest.outputs.items()
    ]
    return dynamic_table(
        "source_files",
        f"What this file was made from, by path in study {session.files.study.study_id}: recordings, journal, images, "
        "and all that was computed of them.",
        {
            "path": Described([path for path, _, _ in found], "relative to the study's folder"),
            "sha256": Described([sha256 for _, sha256, _ in found], "of its bytes"),
            "n_bytes": Described(np.array([n for _, _, n in found], np.int64), "its size"),
        },
    )


def clocks_of(session: ExportedSession) -> DynamicTable | None:
    """Return how each processor's clock lies on the file's axis; None where there is one run of one clock."""
    pieces = session.clock.pieces
    if len(pieces) < 2:
        return None
    meanings = {
        "processor": "of the recorder, from 1",
        "first_tick": "of the stretch for which the line holds",
        "end_tick": "its end",
        "origin_tick": "time = offset_s + (tick - origin_tick) / ticks_per_s",
        "ticks_per_s": "as the first processor's clock has it",
        "offset_s": "time of origin_tick (s)",
        "n_onsets": "by how many onsets it was fitted; 0 of the clock that the axis is",
        "residual_ms": "how far they lie from the line: median of the distances (ms)",
    }
    columns = {
        name: Described(np.array([getattr(one, name) for one in pieces]), text) for name, text in meanings.items()
    }
    columns["clock_run"] = Described(np.array([one.clock_segment + 1 for one in pieces]), "run of its clock, from 1")
    return dynamic_table(
        "clocks", f"How clocks lie on this file's axis, that of processor {session.clock.reference}.", columns
    )
