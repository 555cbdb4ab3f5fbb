"""A day of another maker's recorder goes through ingest by neo to the responses of its Blackrock twin."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.recorder import RecorderDescription
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument
from closedloop.blackrock.nsx.header import read_nsx_header
from closedloop.blackrock.nsx.writer import write_nsx
from closedloop.errors import RecordingError
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.stages.context import StageContext
from closedloop.storage import sha256_file
from tests.loop.nwb_files import assert_as_published, export, n_counted_otherwise, session_of
from tests.loop.other_makers import (
    OPEN_EPHYS,
    SPIKE_GLX,
    Heard,
    as_open_ephys,
    as_spike_glx,
    heard,
    ingest_as,
    quality,
    without_recording,
)
from tests.loop.real_study import PROTOCOL, make_real_study
from tests.loop.studies import closedloop, run_once
from tests.unit.messages import refused
from tests.unit.neo_files.open_ephys_files import NODE

pytestmark = pytest.mark.slow

GAP = (1_000_000, 1_060_000)  # samples that are not recorded: 2 s
SAME = (catalog.COUNTS.name, catalog.ONSETS.name, catalog.RESPONSES.name, catalog.spikes(1).name)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated day that is counted from raw voltage, done."""
    return run_once(tmp_path_factory, "smoke", lambda study: closedloop("dry-run", study, "--protocol", "smoke"))


@pytest.fixture(scope="module")
def day(smoke: Path) -> Heard:
    """What its Blackrock processor recorded."""
    return heard(smoke / "day-00" / "recording")


def open_ephys_gap(folder: Path, day: Heard) -> None:
    as_open_ephys(folder, day, numbers=np.delete(np.arange(len(day.volts)), slice(*GAP)))


def spike_glx_gap(folder: Path, day: Heard) -> None:
    as_spike_glx(folder, day, cut=GAP)


def changed(recorder: RecorderDescription, **device: object) -> RecorderDescription:
    plain = recorder.model_dump(mode="json", exclude_defaults=True)
    plain["devices"][0] |= device
    return RecorderDescription.model_validate(plain)


@pytest.mark.parametrize(("write", "recorder"), [(as_open_ephys, OPEN_EPHYS), (as_spike_glx, SPIKE_GLX)])
def test_a_whole_day_gives_the_same_bytes_of_responses_onsets_and_spikes(
    smoke: Path, day: Heard, tmp_path: Path, write: Callable[[Path, Heard], None], recorder: RecorderDescription
) -> None:
    write(without_recording(smoke, tmp_path), day)
    made = ingest_as(smoke, tmp_path, recorder)
    for name in SAME:
        assert (made.working / name).read_bytes() == (smoke / "day-00" / "ingest" / name).read_bytes(), name
    files = quality(made)["files"]
    assert all("by neo" in line and "without a mark" in line for line in files.values())  # type: ignore[attr-defined]


def blackrock_gap(smoke: Path, copy: Path, day: Heard) -> StageContext:
    """Ingest the Blackrock twin that was paused."""
    folder = without_recording(smoke, copy)
    header = read_nsx_header(smoke / "day-00" / "recording" / "array1.ns6")
    assert header.start is not None
    rows = np.column_stack([day.volts, day.light])
    write_nsx(
        folder / "array1.ns6",
        header.channels,
        rate_hz=30_000,
        specification="3.0",
        chunks=[(0, rows[: GAP[0]]), (GAP[1], rows[GAP[1] :])],
        start=header.start,
        comment=SIMULATED_APPLICATION,
    )
    shutil.copy(smoke / "day-00" / "recording" / "array1.nev", folder)
    return ingest_as(smoke, copy, None)


@pytest.mark.parametrize(("write", "recorder"), [(open_ephys_gap, OPEN_EPHYS), (spike_glx_gap, SPIKE_GLX)])
def test_a_gap_sets_the_same_presentations_aside_and_counts_the_others_alike(
    smoke: Path, day: Heard, tmp_path: Path, write: Callable[[Path, Heard], None], recorder: RecorderDescription
) -> None:
    (tmp_path / "twin").mkdir()
    (tmp_path / "other").mkdir()
    twin = blackrock_gap(smoke, tmp_path / "twin", day)
    write(without_recording(smoke, tmp_path / "other"), day)
    made = ingest_as(smoke, tmp_path / "other", recorder)
    assert made.output(catalog.COUNTS).read_bytes() == twin.output(catalog.COUNTS).read_bytes()
    found, expected = (IngestQuality.read(one.output(catalog.QUALITY)) for one in (made, twin))
    assert 0 < found.n_used == expected.n_used < found.n_presented
    assert sum(found.set_aside.values()) == sum(expected.set_aside.values()) > 0
    assert "touches a gap of the recording" in found.set_aside
    assert found.devices[0].n_stretches == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (changed(OPEN_EPHYS, raw={"stream": "AP"}), "expected one stream AP, found 0 among"),
        (changed(OPEN_EPHYS, codes={"lines": [9, 10]}), "expected digital codes in the events on lines 9, 10"),
        (changed(OPEN_EPHYS, codes={"stream": "nidq", "lines": [0]}), "expected one stream nidq, found 0"),
        (
            changed(OPEN_EPHYS, photodiode={"stream": "Record", "channel": "ADC1"}),
            "expected one stream Record, found 2",
        ),
        (changed(OPEN_EPHYS, files="*.rhd"), "expected recordings that match *.rhd, found none"),
        (changed(OPEN_EPHYS, format="Intan"), "Intan"),
    ],
)
def test_a_missing_stream_and_a_wrong_code_channel_are_one_line(
    smoke: Path, day: Heard, tmp_path: Path, wrong: RecorderDescription, words: str
) -> None:
    short = Heard(day.volts[:90_000], day.light[:90_000], day.codes[:5])
    folder = without_recording(smoke, tmp_path)
    as_open_ephys(folder, short)
    with refused(RecordingError, folder, words):
        ingest_as(smoke, tmp_path, wrong)


def test_codes_on_other_lines_belong_to_another_session(smoke: Path, day: Heard, tmp_path: Path) -> None:
    """Lines 2 to 9 in place of 1 to 8: there are codes, but none of those that were sent."""
    folder = without_recording(smoke, tmp_path)
    as_open_ephys(folder, day)
    shifted = changed(OPEN_EPHYS, codes={"lines": [8, 7, 6, 5, 4, 3, 2, 1]})
    with pytest.raises(Exception, match="codes") as caught:
        ingest_as(smoke, tmp_path, shifted)
    assert "\n" not in str(caught.value)


def test_the_spikes_that_count_are_the_units_of_the_sites_and_the_recorders_those_of_other_electrodes(
    smoke: Path, tmp_path: Path
) -> None:
    export(smoke, tmp_path, "--day", "0")
    with session_of(smoke, tmp_path, Block(0)) as (file, files):
        assert_as_published(file, files, 0)
        assert set(n_counted_otherwise(file, files, 0).values()) == {0}
        chosen = {site.neuroid_id for site in files.read(catalog.SITES, 0).chosen()}
        are = {
            name: are.partition(",")[0]
            for name, are in zip(file.units["neuroid_id"].data[:], file.units["spikes_are"].data[:], strict=True)
        }
        assert are == {
            one.neuroid_id: "what counts" if one.neuroid_id in chosen else "the recorder's threshold crossings (NEV)"
            for one in files.read(catalog.SITES, 0).sites
        }


def test_a_real_study_of_another_recorder_waits_for_its_files_and_goes_on_with_them(tmp_path: Path) -> None:
    """A simulated array records the day; only what Open Ephys would have written of it is brought."""
    protocol = tmp_path / "raw.yaml"
    text = PROTOCOL.read_text()
    for old, new in (("spikes_from: nev", "spikes_from: raw"), ("raw_electrodes: 1", "raw_electrodes: 16")):
        assert old in text
        text = text.replace(old, new)
    protocol.write_text(text.replace("raw_days: [1]", "raw_days: [0, 1]"))
    real = make_real_study(tmp_path / "study", protocol=protocol)
    StudyDocument.read(real.paths.study).model_copy(update={"recorder": OPEN_EPHYS}).write(real.paths.study)
    real.present()
    folder = real.record()
    blackrock = Path(shutil.move(folder, tmp_path / "blackrock"))
    waiting = real.run().waiting_for
    assert waiting is not None
    assert "copy the session's recording into" in waiting
    day = heard(blackrock)
    as_open_ephys(folder, Heard(day.volts[: len(day.volts) // 2], day.light[: len(day.light) // 2], day.codes[:-20]))
    half = real.run().waiting_for
    assert half is not None
    assert "the session's last 20 digital codes are not in the recording" in half
    shutil.rmtree(folder / NODE)
    as_open_ephys(folder, day)
    later = real.run()
    assert later.day == 1
    found = catalog.QUALITY.read(catalog.QUALITY.published(real.paths, 0))
    assert not found.simulated
    assert found.n_used > 0.95 * found.n_presented
    export(real.root, tmp_path / "nwb", "--voltage")
    with session_of(real.root, tmp_path / "nwb", Block(0)) as (file, files):
        assert_as_published(file, files, 0)
        assert set(n_counted_otherwise(file, files, 0).values()) == {0}
        assert (
            file.units.description == "Not sorted: what counts, found in raw voltage by zero_phase_butter, a row an "
            "electrode."
        )
        voltage = file.acquisition["voltage"]
        np.testing.assert_array_equal(voltage.data[:], day.volts)
        assert (voltage.conversion, voltage.channel_conversion, voltage.rate) == (0.25e-6, None, 30_000)
        source = file.processing["misc"]["source_files"]
        named = dict(zip(source["path"].data[:], source["sha256"].data[:], strict=True))
        (raw,) = folder.rglob("continuous.dat")
        assert named[real.paths.relative(raw)] == sha256_file(raw)
