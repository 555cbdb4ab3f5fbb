"""An exported session read back: it has what the study published, and archives say nothing of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pynwb

from closedloop.access.files import PublishedFiles, published_files
from closedloop.artifacts import catalog
from closedloop.artifacts.records.sequence import Block
from tests.loop.studies import closedloop

METADATA = """
animal: {subject_id: monkey, species: Macaca mulatta, sex: F, date_of_birth: 2018-05-21}
arrays: [{name: front, region: aIT, hemisphere: left}, {name: back, region: cIT, hemisphere: left}]
experimenter: ["Curie, Marie"]
institution: Example University
"""
WINDOW_S = 0.070, 0.170


def export(study: Path, out: Path, *options: str) -> str:
    """Export sessions of a study of an animal, or of none; return what was said."""
    told: tuple[str | Path, ...] = ()
    if not published_files(study).study.simulated:
        (out.parent / "subject.yaml").write_text(METADATA)
        told = ("--subject", out.parent / "subject.yaml")
    done = closedloop("export", "nwb", study, "--out", out, *options, *told)
    assert done.returncode == 0, done.stdout + done.stderr
    n_files = len(list(out.rglob("*.nwb")))
    assert done.stdout.count("inspected and validated without a message") == n_files > 0, done.stdout
    return done.stdout


def values(table: pynwb.core.DynamicTable, name: str) -> np.ndarray:
    """Return a column of a table, texts as texts."""
    found = np.asarray(table[name].data[:])
    return found.astype(str) if found.dtype.kind == "O" else found


@contextmanager
def session_of(study: Path, out: Path, block: Block) -> Iterator[tuple[pynwb.NWBFile, PublishedFiles]]:
    """Open the file of a session, with the study seen from it."""
    whole = published_files(study)
    files = whole.seen_from(block.day, block.number)
    name = files.read(catalog.SESSION, block.day).session_id.replace(".", "-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pynwb.NWBHDF5IO(str(next(out.rglob(f"*_ses-{name}_*.nwb"))), "r") as stream:
            yield stream.read(), files


def assert_as_published(file: pynwb.NWBFile, files: PublishedFiles, day: int) -> None:
    """A file's trials, counts, electrodes and images are those of the session."""
    responses, counts = files.read(catalog.RESPONSES, day), files.read(catalog.COUNTS, day)["counts"]
    shown = np.isfinite(responses["onset_s"])
    trials = file.trials
    np.testing.assert_array_equal(trials["start_time"].data[:], responses["onset_s"][shown])
    np.testing.assert_array_equal(trials["used"].data[:], responses["used"][shown])
    assert list(trials["image_hash"].data[:]) == responses["stimulus_id"][shown].tolist()
    np.testing.assert_array_equal(file.processing["ecephys"]["responses"].data[:], counts[responses["used"]])
    sites = files.read(catalog.SITES, day).sites[: counts.shape[1]]  # behind them, what was lost since the first day
    assert list(file.electrodes["neuroid_id"].data[: len(sites)]) == [one.neuroid_id for one in sites]
    images = file.stimulus_template["images"]
    names = files.read(catalog.STIMULI, day)["stimulus_id"].tolist()
    assert [one.name for one in images.order_of_images.data[:]] == names
    pixels = files.read(catalog.IMAGES, day)["images"]
    np.testing.assert_array_equal(images.images[names[-1]].data[:], pixels[-1])


def n_counted_otherwise(file: pynwb.NWBFile, files: PublishedFiles, day: int) -> dict[str, int]:
    """Count each site's spikes of `units` anew; return how many presentations have another count than published."""
    responses, counts = files.read(catalog.RESPONSES, day), files.read(catalog.COUNTS, day)["counts"]
    table = files.read(catalog.SITES, day)
    names, chosen = [one.neuroid_id for one in table.sites], [one.neuroid_id for one in table.chosen()]
    onsets, units = responses["onset_s"][responses["used"]], file.units
    rows = {name: row for row, name in enumerate(units["neuroid_id"].data[:])}
    different = {}
    for name in chosen:
        place = names.index(name)
        published = counts[responses["used"], place] if place < counts.shape[1] else np.zeros(0)
        if len(published):
            spikes = units["spike_times"][rows[name]]
            first, last = (np.searchsorted(spikes, onsets + after) for after in WINDOW_S)
            different[name] = int(((last - first) != published)[np.isfinite(published)].sum())
    return different
