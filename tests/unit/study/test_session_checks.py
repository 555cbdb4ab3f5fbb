"""Journal = plan = summary: every way to damage what comes back from the rig is one line that names the journal's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import JOURNAL, SUMMARY
from closedloop.artifacts.day.journal import journal_bytes
from closedloop.artifacts.day.journal_rows import JournalRow, Presentation, SessionEnded, TrialEnded
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError, DocumentError, SessionError
from closedloop.study.session_checks import check_session
from tests.unit.messages import refused
from tests.unit.study.sessions import bring, launch, rows_of, schedule, session_id, stimulus
from tests.unit.study.test_handover import STUDY

Lines = list[bytes]
Rows = list[JournalRow]


@pytest.fixture
def brought(tmp_path: Path) -> StudyPaths:
    paths = StudyPaths(tmp_path)
    schedule(paths, 2)
    bring(paths, 2)
    return paths


def check(paths: StudyPaths) -> None:
    check_session(paths, STUDY, day=2)


def own_rows() -> Rows:
    return list(rows_of((session_id(2),)))


def unchained(rows: Rows) -> bytes:
    return b"".join(row.model_dump_json().encode() + b"\n" for row in rows)


def changed(place: int, **values: object) -> Callable[[Rows], Rows]:
    def change(rows: Rows) -> Rows:
        return [*rows[:place], rows[place].model_copy(update=values), *rows[place + 1 :]]

    return change


def exchanged(rows: Rows) -> Rows:
    """Two images of a trial change places, each with everything that the plan says of it."""
    of_image = ("presentation_index", "image_index", "stimulus_id", "repetition")
    one, other = ({name: getattr(row, name) for name in of_image} for row in (rows[3], rows[4]))
    return changed(3, **other)(changed(4, **one)(rows))


def later(rows: Rows, *, by_s: float) -> Rows:
    return changed(4, onset_s=rows[4].onset_s + by_s)(rows)  # type: ignore[union-attr]


def without_end(rows: Rows) -> Rows:
    return rows[:-1]


def last_trial_once_more(rows: Rows) -> Rows:
    """Everything of the last trial again, under new numbers: each of its images accepted twice."""
    again: Rows = []
    for row in rows[9:15]:
        values: dict[str, object] = {"trial": 2}
        if isinstance(row, Presentation):
            ordinal = row.ordinal + 4
            values |= {
                "ordinal": ordinal,
                "code": ordinal + 1,
                "onset_s": row.onset_s + 2,
                "offset_s": row.offset_s + 2,
            }
        else:
            values |= {"time_s": row.time_s + 2} | ({} if isinstance(row, TrialEnded) else {"code": 202})
        again.append(row.model_copy(update=values))
    return [*rows[:15], *again, SessionEnded(outcome="complete", n_remaining=0, time_s=9.0)]


DAMAGED_LINES: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "half of it": (lambda lines: lines[: len(lines) // 2], "line 9: expected the session's lines to its end"),
    "cut in a line": (lambda lines: [*lines[:5], lines[5][:40]], "line 6: expected .* after line 5, which is cut"),
    "ten lines missing": (lambda lines: lines[:3] + lines[13:], "line 4: .* lines 4 to 13 are missing"),
    "a line doubled": (lambda lines: lines[:4] + lines[3:], "line 5: .* found line 4 a second time"),
    "two lines moved": (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], "line 5: .* found line 6"),
    "an image edited": (
        lambda lines: [line.replace(b'"image_index":3', b'"image_index":1') for line in lines],
        "line 6: .* the line was edited",
    ),
    "a check taken off": (
        lambda lines: [*lines[:4], lines[4][: lines[4].index(b',"line":')] + b"}\n", *lines[5:]],
        "line 5: expected a check as in the other lines",
    ),
    "empty": (lambda _lines: [], "line 1: expected the launch of a session, found an empty journal"),
    "no JSON": (lambda lines: [*lines[:2], b"what\n", *lines[3:]], "line 3: "),
    "not text": (lambda lines: [b"\xff\xfe\x00\n" for _ in lines], "line 1: "),
}


@pytest.mark.parametrize("damage", DAMAGED_LINES)
def test_a_damaged_journal_is_one_line_with_the_number_of_its_line(brought: StudyPaths, damage: str) -> None:
    damaged, said = DAMAGED_LINES[damage]
    place = JOURNAL.published(brought, 2)
    place.write_bytes(b"".join(damaged(place.read_bytes().splitlines(keepends=True))))
    with pytest.raises(ClosedLoopError, match=f"^{place}, {said}[^\n]*$"):
        check(brought)


OTHER_ROWS: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "half of it": (lambda rows: rows[:8], "line 9: expected the session's lines to its end"),
    "its end missing": (without_end, "line 16: expected the session's lines to its end"),
    "ten lines missing": (lambda rows: rows[:3] + rows[13:], "line 4: expected ordinal 1, found 9"),
    "a trial missing": (lambda rows: rows[:1] + rows[9:], "line 2: expected trial 0, found 1"),
    "a line doubled": (lambda rows: rows[:4] + rows[3:], "line 5: expected ordinal 2, found 1"),
    "a trial shown twice": (last_trial_once_more, "line 16: expected the session's end, .* found the start of trial 2"),
    "two lines moved": (
        lambda rows: [*rows[:4], rows[5], rows[4], *rows[6:]],
        "line 5: expected ordinal 2, found 3",
    ),
    "two images exchanged": (exchanged, "line 4: expected presentation_index .* 1, found 2"),
    "another image": (changed(4, image_index=4), "line 5: expected image 2, .* as presentation 2 .* found image 4"),
    "an unknown stimulus": (changed(4, stimulus_id="f" * 16), f"line 5: .* {stimulus(2)}, .* found .* {'f' * 16}"),
    "another repetition": (changed(4, repetition=1), "line 5: .* repetition 0 .* found .* repetition 1"),
    "a presentation not planned": (
        changed(4, presentation_index=99),
        "line 5: expected presentation_index .* found 99",
    ),
    "an ordinal again": (changed(5, ordinal=2), "line 6: expected ordinal 3, found 2"),
    "another code": (changed(4, code=77), "line 5: expected code 3, found 77"),
    "another trial's code": (changed(1, code=77), "line 2: expected code 200, found 77"),
    "another trial": (changed(4, trial=1), "line 5: expected trial 0, found 1"),
    "another place in it": (changed(4, position=5), "line 5: expected place in its trial 2, found 5"),
    "frames not planned": (
        changed(4, planned_on_frames=7, on_frames=7),
        "line 5: expected frames between onset and offset 7, found 6",
    ),
    "grey not planned": (changed(4, planned_off_frames=0), "line 5: expected planned frames off 6, found 0"),
    "accepted with frames lost": (
        changed(4, on_frames=5),
        "line 5: expected frames between onset and offset 5, found 6",
    ),
    "accepted with a reason": (changed(4, reason="frames_dropped"), "line 5: expected a reason exactly"),
    "rejected without one": (changed(4, outcome="rejected"), "line 5: expected a reason exactly"),
    "an onset shifted": (
        lambda rows: later(rows, by_s=0.05),
        "line 5: expected frames between onset and offset 6, found 3",
    ),
    "an onset too late": (lambda rows: later(rows, by_s=2.0), "line 5: expected an offset after the onset"),
    "an onset too early": (
        lambda rows: later(rows, by_s=-0.5),
        "line 5: expected frames between onset and offset 6, found 36",
    ),
    "a time going back": (changed(9, time_s=0.5), "line 10: expected a time from 1.800000 s on, found 0.5"),
    "nothing accepted of one": (
        changed(13, outcome="rejected", reason="fixation_broken"),
        "line 16: expected presentations left 1, found 0",
    ),
    "another count at the end": (changed(15, n_remaining=3), "line 16: expected a complete session exactly"),
    "a trial without its end": (lambda rows: rows[:8] + rows[9:], "line 9: expected the end of trial 0"),
    "an image between trials": (
        lambda rows: rows[:8] + rows[8:9] + rows[10:],
        "line 10: expected an image within a trial",
    ),
    "lines after the end": (lambda rows: [*rows, rows[-1]], "line 17: expected nothing after the session's end"),
    "without its launch": (lambda rows: rows[1:], "line 1: expected the launch of a session, found trial_started"),
    "a launch of another number": (changed(0, segment=1), "line 1: expected launch 0, found 1"),
    "a launch that leaves out": (changed(0, first_ordinal=4), "line 1: expected first ordinal 0, found 4"),
    "a launch that voids what was shown": (
        lambda rows: [*rows[:9], launch(1, session_id(2), first_ordinal=3), *rows[9:]],
        "line 10: expected first ordinal 6, found 3",
    ),
    "another screen": (changed(0, refresh_hz=75.0), "line 1: expected 60 frames per second, found 75"),
    "another session": (changed(0, session_id="abc-day-01"), "line 1: expected session abc-day-02, found abc-day-01"),
    "of a simulated animal": (
        changed(0, simulated=True),
        "line 1: expected a session with an animal, found a simulated",
    ),
    "not finite": (changed(4, onset_s=float("nan")), "line 5: "),
}


@pytest.mark.parametrize("damage", OTHER_ROWS)
@pytest.mark.parametrize("write", [unchained, journal_bytes], ids=["of an older rig", "chained"])
def test_a_journal_of_other_rows_is_one_line_with_the_number_of_its_line(
    brought: StudyPaths, damage: str, write: Callable[[Rows], bytes]
) -> None:
    """Also where the chain is right: the plan is compared all the same."""
    other, said = OTHER_ROWS[damage]
    place = JOURNAL.published(brought, 2)
    place.write_bytes(write(other(own_rows())))
    with pytest.raises((SessionError, DocumentError), match=f"^{place}, ({said})[^\n]*$"):
        check(brought)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_accepted", 9),
        ("n_presentations", 11),
        ("n_trials", 3),
        ("n_trials_broken", 1),
        ("n_rejected", {"frames_dropped": 1}),
        ("n_segments", 2),
        ("n_time_outs", 1),
        ("duration_s", 5.001),
        ("reward_ms", 0.0),
        ("display", "headless"),
    ],
)
def test_a_summary_that_counts_otherwise_is_refused_by_its_number(
    brought: StudyPaths, name: str, value: object
) -> None:
    place = SUMMARY.published(brought, 2)
    place.write_text(json.dumps(json.loads(place.read_text()) | {name: value}))
    with refused(SessionError, place, f"{name}: expected", f"found {value!r}"):
        check(brought)


def test_a_whole_session_is_taken_also_from_an_older_rig_and_of_two_launches(brought: StudyPaths) -> None:
    check(brought)
    JOURNAL.published(brought, 2).write_bytes(unchained(own_rows()))
    check(brought)
    bring(brought, 2, segments=(session_id(2), session_id(2)))
    check(brought)


def test_sums_may_differ_as_python_versions_add_them_up(brought: StudyPaths) -> None:
    place = SUMMARY.published(brought, 2)
    summary = SUMMARY.read(place)
    summary.model_copy(update={"duration_s": summary.duration_s * (1 + 1e-12)}).write(place)
    check(brought)


def test_a_launch_after_a_killed_one_goes_on_where_it_stood(brought: StudyPaths) -> None:
    """A real rig was killed in the first trial after four images: the next launch shows the other two first."""
    rows = own_rows()
    again = launch(1, session_id(2), first_ordinal=4, first_trial=1, time_s=2.0)
    JOURNAL.published(brought, 2).write_bytes(journal_bytes([*rows[:6], again]))
    with refused(SessionError, JOURNAL.published(brought, 2), "line 8: expected the session's lines to its end"):
        check(brought)
    wrong = again.model_copy(update={"first_ordinal": 6})
    JOURNAL.published(brought, 2).write_bytes(journal_bytes([*rows[:6], wrong]))
    with refused(SessionError, JOURNAL.published(brought, 2), "line 7: expected first ordinal 4, found 6"):
        check(brought)
