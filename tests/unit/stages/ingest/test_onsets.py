"""Presentations on several devices: used, partly used, set aside, and when."""

from __future__ import annotations

import numpy as np

from closedloop.alignment.alignment import align
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import Presentation, PresentationBegun
from closedloop.devices.device import Device
from closedloop.recording.codes import ReceivedCodes
from closedloop.recording.segments import Segment
from closedloop.recording.usability import OUTSIDE
from closedloop.stages.ingest.onsets import DeviceOnsets, Onsets, onsets_of, sent_codes
from tests.unit.stages.ingest.recorded_days import LEAD_S, TICK_HZ, journal_rows

GAP = "touches a gap of the recording"


def presentation(ordinal: int, *, accepted: bool = True) -> Presentation:
    return Presentation(
        ordinal=ordinal,
        trial=0,
        position=ordinal,
        presentation_index=ordinal,
        image_index=ordinal,
        stimulus_id="x",
        repetition=0,
        code=1 + ordinal,
        onset_s=0.2 * ordinal,
        offset_s=0.2 * ordinal + 0.1,
        planned_on_frames=6,
        on_frames=6,
        planned_off_frames=6,
        outcome="accepted" if accepted else "rejected",
        reason=None if accepted else "fixation_broken",
    )


def device(processor: int, reasons: list[str], *, lead_s: float) -> DeviceOnsets:
    time_s = np.where([reason == "" for reason in reasons], lead_s + 0.2 * np.arange(len(reasons)), np.nan)
    return DeviceOnsets(
        name=f"array{processor}",
        processor=processor,
        tick_hz=1000.0,
        clock_segment=np.zeros(len(reasons), np.int64),
        tick=time_s * 1000,
        time_s=time_s,
        source=np.where(np.isnan(time_s), "none", "photodiode" if processor == 1 else "code"),
        reason=tuple(reasons),
    )


def two_devices() -> Onsets:
    rows = (*(presentation(ordinal) for ordinal in range(4)), presentation(4, accepted=False))
    return Onsets(
        rows,
        (device(1, ["", "", GAP, GAP, ""], lead_s=5.0), device(2, ["", GAP, "", GAP, ""], lead_s=7.0)),
    )


def test_what_one_device_can_answer_for_is_used() -> None:
    assert two_devices().used.tolist() == [True, True, True, False, False]


def test_the_reason_says_which_device_cannot_answer() -> None:
    assert two_devices().reason == ("", f"array2: {GAP}", f"array1: {GAP}", GAP, "rejected by the rig: fixation_broken")


def test_accepted_presentations_are_counted_by_reason_in_all_and_by_device() -> None:
    onsets = two_devices()
    assert onsets.set_aside() == {GAP: 1}
    assert [onsets.set_aside_on(one) for one in onsets.devices] == [{GAP: 2}, {GAP: 2}]


def test_rejected_presentations_are_not_counted_on_any_device() -> None:
    onsets = two_devices()
    assert onsets.counted_on(onsets.devices[1], (1,))[:, 0].tolist() == [True, False, True, False, False]


def test_times_are_the_first_devices_and_else_anothers_brought_onto_its_clock() -> None:
    np.testing.assert_allclose(two_devices().time_s, [5.0, 5.2, 5.4, np.nan, 5.8])
    assert two_devices().table()["onset_source"] == ["photodiode", "photodiode", "code", "none", "photodiode"]


def test_one_device_alone_gives_its_own_reasons() -> None:
    onsets = Onsets((presentation(0), presentation(1)), (device(1, ["", GAP], lead_s=1.0),))
    assert onsets.reason == ("", GAP)
    assert onsets.used.tolist() == [True, False]


def test_all_of_the_window_must_have_been_recorded_and_never_less_than_the_papers() -> None:
    """The recorder stops 200 ms after the last onset: enough for a window to 170 ms or 50 ms, not for one to 250 ms."""
    rows = tuple(journal_rows())
    journal = Journal(rows, n_void=0, n_torn=0, n_bytes_whole=0)
    sent = sent_codes(journal)
    tick = np.rint((sent.time_s + LEAD_S) * TICK_HZ).astype(np.int64)
    received = ReceivedCodes(np.zeros(len(tick), np.int64), tick, sent.code)
    last_ms = {stop: used_after(journal, received, recorded_ms=200, window_stop_ms=stop) for stop in (50, 170, 250)}
    assert last_ms == {50: True, 170: True, 250: False}
    assert not used_after(journal, received, recorded_ms=100, window_stop_ms=50)


def used_after(journal: Journal, received: ReceivedCodes, *, recorded_ms: int, window_stop_ms: float) -> bool:
    """Return whether the last presentation is used; all others must be."""
    recorded = (Segment(0, 0, end := int(received.tick[-1]) + recorded_ms * TICK_HZ // 1000, end),)
    device = Device("array1", 1, TICK_HZ, (), recorded, received, (), None, (), ())
    alignment = align(sent_codes(journal), received, segments=recorded)
    onsets = onsets_of(journal, {"array1": alignment}, [device], window_stop_ms=window_stop_ms)
    *others, last = onsets.used.tolist()
    assert all(others)
    assert onsets.reason[-1] == ("" if last else OUTSIDE)
    return bool(last)


def test_a_code_that_a_kill_left_unsure_is_sent_but_no_presentation() -> None:
    rows = list(journal_rows())
    cut = max(place for place, row in enumerate(rows) if isinstance(row, Presentation))
    shown = rows[cut]
    begun = PresentationBegun(
        ordinal=shown.ordinal,
        trial=shown.trial,
        position=shown.position,
        presentation_index=shown.presentation_index,
        code=shown.code,
        time_s=shown.onset_s - 1 / 60,
    )
    whole = sent_codes(Journal(tuple(rows), 0, 0, 0))
    sent = sent_codes(Journal((*rows[:cut], begun, *rows[cut + 1 :]), 0, 0, 0))
    np.testing.assert_array_equal(sent.code, whole.code)
    np.testing.assert_allclose(sent.time_s, whole.time_s, atol=1e-6)
    assert np.count_nonzero(sent.is_lit) == np.count_nonzero(whole.is_lit) - 1
    assert sent.code[sent.is_uncertain].tolist() == [shown.code]
