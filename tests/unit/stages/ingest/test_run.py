"""The stage ingest on a recording whose spikes were placed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.identity import IdentityTable
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.day.responses import RESPONSE_COUNTS, RESPONSES, SPIKES, WAVEFORMS, SiteTable
from closedloop.artifacts.tables import read_table
from closedloop.errors import AlignmentError, RecordingError, StudyError
from closedloop.stages.context import StageContext
from closedloop.stages.ingest.recording import read_day_devices
from closedloop.stages.ingest.run import check_missing, run
from tests.unit.messages import refused
from tests.unit.stages.ingest.recorded_days import (
    LEAD_S,
    N_IMAGES,
    SESSION,
    SHOWN,
    WrittenDay,
    expected_counts,
    ingest_context,
    onset_s,
    spikes_in_window,
    write_day,
)
from tests.unit.stages.ingest.test_onsets import GAP, two_devices

HALF_S = onset_s(N_IMAGES) - 0.4  # the second half of the presentations comes after it


def ingested(root: Path, recorded: WrittenDay, *, rejected: tuple[int, ...] = ()) -> StageContext:
    made = ingest_context(root)
    write_day(made, recorded, rejected=rejected)
    run(made)
    return made


def test_every_spike_in_the_window_is_counted_at_its_presentation_and_electrode(tmp_path: Path) -> None:
    made = ingested(tmp_path, WrittenDay(spikes_in_window()))
    found = read_arrays(made.output(catalog.COUNTS), RESPONSE_COUNTS)
    np.testing.assert_array_equal(found["counts"], expected_counts())
    assert found["electrode_id"].tolist() == [1, 2, 3]
    shown = read_table(made.output(catalog.RESPONSES), RESPONSES)
    assert shown["used"].all()
    assert shown["image_index"].tolist() == SHOWN.tolist()
    # Without a photodiode the code's own time is the onset; the recorder was started LEAD_S before the rig.
    np.testing.assert_allclose(shown["onset_s"], [LEAD_S + onset_s(n) for n in range(len(SHOWN))], atol=1e-4)


NOISE = ((0, 100.0, 1), (5, 120.0, 3))


def test_spikes_of_the_noise_unit_are_no_spikes_and_that_is_said(tmp_path: Path) -> None:
    made = ingested(tmp_path, WrittenDay(spikes_in_window(), noise=NOISE))
    found = read_arrays(made.output(catalog.COUNTS), RESPONSE_COUNTS)
    np.testing.assert_array_equal(found["counts"], expected_counts())
    said = IngestQuality.read(made.output(catalog.QUALITY)).devices[0].repairs
    assert any(sentence.endswith("2 spikes in the noise unit (255) were left out") for sentence in said)


def test_a_protocol_can_have_the_noise_unit_counted(tmp_path: Path) -> None:
    made = ingest_context(tmp_path, count_noise_unit=True)
    write_day(made, WrittenDay(spikes_in_window(), noise=NOISE))
    run(made)
    expected = expected_counts()
    for ordinal, _, electrode in NOISE:
        expected[ordinal, electrode - 1] += 1
    np.testing.assert_array_equal(read_arrays(made.output(catalog.COUNTS), RESPONSE_COUNTS)["counts"], expected)
    said = IngestQuality.read(made.output(catalog.QUALITY)).devices[0].repairs
    assert any(sentence.endswith("2 spikes in the noise unit (255) were kept as wanted") for sentence in said)


def test_a_spike_at_70_ms_is_counted_and_one_at_170_ms_is_not(tmp_path: Path) -> None:
    """One tick to either side of both bounds, at the last presentations; the window is [70, 170) ms."""
    tick_ms = 1000 / 30_000
    bounds = ((40, 70.0 - tick_ms), (41, 70.0), (42, 170.0 - tick_ms), (43, 170.0))
    extra = tuple((ordinal, after_ms, 3) for ordinal, after_ms in bounds)
    made = ingested(tmp_path, WrittenDay((*spikes_in_window(), *extra)))
    counts = read_arrays(made.output(catalog.COUNTS), RESPONSE_COUNTS)["counts"]
    assert counts[40:44, 2].tolist() == [0, 1, 1, 0]


def test_the_electrode_that_repeats_itself_is_the_site_and_its_spikes_are_kept(tmp_path: Path) -> None:
    made = ingested(tmp_path, WrittenDay(spikes_in_window()))
    sites = SiteTable.read(made.output(catalog.SITES))
    assert [site.site_index for site in sites.sites] == [0, None, None]
    (chosen,) = sites.chosen()
    fresh = np.arange(1, N_IMAGES) % 7 * 10  # Hz: counts in a tenth of a second; image 0 is an anchor
    assert (chosen.neuroid_id, chosen.reliability) == ("array1-001", pytest.approx(1.0))
    assert chosen.mean_rate_hz == pytest.approx(fresh.mean(), abs=1e-3)
    assert chosen.sigma_hz == pytest.approx(fresh.std(ddof=1), abs=1e-3)
    spikes = read_arrays(made.output(catalog.spikes(1)), SPIKES)
    assert set(spikes["electrode_id"].tolist()) == {1}
    assert len(spikes["tick"]) == expected_counts()[:, 0].sum()


def test_the_quality_report_counts_what_was_shown_used_and_received(tmp_path: Path) -> None:
    made = ingested(tmp_path, WrittenDay(spikes_in_window()), rejected=(45, 47))
    quality = IngestQuality.read(made.output(catalog.QUALITY))
    n = len(SHOWN)
    assert (quality.n_presented, quality.n_rejected, quality.n_used, quality.set_aside) == (n - 2, 2, n - 2, {})
    assert (quality.codes_sent, quality.codes_matched, quality.codes_lost) == (n + n // 6, n + n // 6, 0)
    assert (quality.session_id, quality.n_spikes) == (SESSION, expected_counts().sum() + 1)
    counts = read_arrays(made.output(catalog.COUNTS), RESPONSE_COUNTS)["counts"]
    assert np.flatnonzero(np.isnan(counts).all(axis=1)).tolist() == [45, 47]


def test_a_recording_that_stopped_half_way_is_refused_with_the_reason(tmp_path: Path) -> None:
    """smoke.yaml allows a tenth of the presentations to be missing; here it is half of them and the last one before."""
    made = ingest_context(tmp_path)
    write_day(made, WrittenDay(spikes_in_window(), until_s=HALF_S))
    with refused(AlignmentError, made.published("recording"), f"at most 10% of {len(SHOWN)}", "found 25"):
        run(made)
    assert not list(made.working.glob("*.*"))


def test_the_protocol_says_how_much_may_be_missing(tmp_path: Path) -> None:
    made = ingest_context(tmp_path, max_missing_fraction=0.53)
    write_day(made, WrittenDay(spikes_in_window(), until_s=HALF_S))
    with refused(RecordingError, made.published("recording"), "reliability"):  # half of the session is no repetition
        run(made)


def test_missing_presentations_are_refused_above_the_allowed_part_and_not_at_it() -> None:
    """Of four accepted presentations on two devices one counts on neither."""
    check_missing(two_devices(), allowed=0.25, folder=Path("here"))
    with refused(AlignmentError, "here:", "at most 24% of 4", f"found 1 (1 {GAP})"):
        check_missing(two_devices(), allowed=0.24, folder=Path("here"))


@pytest.mark.parametrize("comment", ["abc-day-01", "other-day-00"])
def test_a_recording_whose_comment_names_another_session_is_refused(tmp_path: Path, comment: str) -> None:
    made = ingest_context(tmp_path)
    write_day(made, WrittenDay(spikes_in_window(), comments=("a remark", comment)))
    place = made.published("recording") / "array1"
    with refused(
        RecordingError,
        place,
        f"expected session {SESSION}, found a comment of session {comment}",
        "do not copy over it",
        "replace-recording",
        "--day 0 --from FOLDER",
    ):
        run(made)


def test_the_command_that_replaces_a_second_session_s_recording_names_it(tmp_path: Path) -> None:
    made = ingest_context(tmp_path)
    write_day(made, WrittenDay(spikes_in_window(), comments=("abc-day-01",)))
    folder = tmp_path / "day-03.2" / "recording"
    folder.parent.mkdir()
    made.published("recording").rename(folder)
    with refused(RecordingError, folder, f"replace-recording {tmp_path} --day 3 --block 2 --from FOLDER --why TEXT"):
        read_day_devices(
            folder,
            photodiode="ainp1",
            bridge_ms=1.0,
            count_noise_unit=False,
            session_id="abc-day-03.2",
            simulated=made.simulated,
        )


def test_a_comment_of_this_session_and_remarks_are_accepted(tmp_path: Path) -> None:
    made = ingested(tmp_path, WrittenDay(spikes_in_window(), comments=(SESSION, "the monkey sneezed")))
    assert IngestQuality.read(made.output(catalog.QUALITY)).n_used == len(SHOWN)


def test_a_real_recording_in_a_simulated_study_is_refused(tmp_path: Path) -> None:
    made = ingest_context(tmp_path)
    write_day(made, WrittenDay(spikes_in_window(), application="Central"))
    with refused(StudyError, made.path(catalog.EVENTS), "expected a simulated file, found a recorded one"):
        run(made)


def test_raw_voltage_that_was_not_recorded_is_missed(tmp_path: Path) -> None:
    made = ingest_context(tmp_path, spikes_from="raw")
    write_day(made, WrittenDay(spikes_in_window()))
    with refused(RecordingError, made.published("recording"), "expected raw voltage"):
        run(made)


def test_a_later_day_keeps_the_sites_of_day_0_however_it_repeats_itself(tmp_path: Path) -> None:
    first = ingested(tmp_path, WrittenDay(spikes_in_window()))
    first.working.rename(first.published("ingest"))
    later = ingest_context(tmp_path, day=1)
    write_day(later, WrittenDay(((0, 180.0, 1),)))
    run(later)
    (chosen,) = SiteTable.read(later.output(catalog.SITES)).chosen()
    assert (chosen.neuroid_id, chosen.site_index, chosen.sigma_hz) == ("array1-001", 0, 0.0)


def test_a_later_day_says_which_electrodes_are_the_ones_of_day_0(tmp_path: Path) -> None:
    first = ingested(tmp_path, WrittenDay(spikes_in_window()))
    assert not first.output(catalog.IDENTITY).exists()
    first.working.rename(first.published("ingest"))
    later = ingest_context(tmp_path, day=1)
    write_day(later, WrittenDay(spikes_in_window()))
    run(later)
    found = IdentityTable.read(later.output(catalog.IDENTITY))
    assert (found.day, found.n_images) == (1, 0)  # one anchor alone: nobody is told from others by it
    assert {one.neuroid_id: one.state for one in found.electrodes} == dict.fromkeys(
        ("array1-001", "array1-002", "array1-003"), "unknown"
    )
    assert [one.site_index for one in found.sites()] == [0]
    waveforms = read_arrays(later.output(catalog.WAVEFORMS), WAVEFORMS)
    assert waveforms["electrode_id"].tolist() == [1, 2, 3]
    assert [one.waveform_likeness for one in found.electrodes] == [None] * 3  # these spikes are flat: nothing is alike


def test_a_day_0_of_a_version_that_stored_no_waveforms_is_compared_without_them(tmp_path: Path) -> None:
    first = ingested(tmp_path, WrittenDay(spikes_in_window()))
    first.output(catalog.WAVEFORMS).unlink()
    first.working.rename(first.published("ingest"))
    later = ingest_context(tmp_path, day=1)
    write_day(later, WrittenDay(spikes_in_window()))
    run(later)
    found = IdentityTable.read(later.output(catalog.IDENTITY))
    assert {one.waveform_likeness for one in found.electrodes} == {None}
    assert b"waveform" not in later.output(catalog.IDENTITY).read_bytes()


def test_an_electrode_without_a_single_spike_all_day_is_unknown_and_not_silent(tmp_path: Path) -> None:
    first = ingested(tmp_path, WrittenDay(spikes_in_window()))
    first.working.rename(first.published("ingest"))
    later = ingest_context(tmp_path, day=1)
    write_day(later, WrittenDay(tuple(one for one in spikes_in_window() if one[2] != 1)))
    run(later)
    (chosen,) = SiteTable.read(later.output(catalog.SITES)).chosen()
    assert (chosen.reliability, chosen.mean_rate_hz, chosen.sigma_hz) == (None, None, None)
    counts = read_arrays(later.output(catalog.COUNTS), RESPONSE_COUNTS)["counts"]
    assert np.isnan(counts[:, 0]).all()
    np.testing.assert_array_equal(counts[:, 1:], expected_counts()[:, 1:])
    quality = IngestQuality.read(later.output(catalog.QUALITY))
    assert (quality.n_used, quality.set_aside) == (len(SHOWN), {})
    (remark,) = quality.devices[0].remarks
    assert remark.startswith("1 of 3 electrodes without a single spike (1)")
