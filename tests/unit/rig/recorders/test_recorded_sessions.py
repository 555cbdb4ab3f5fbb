"""Sessions beside a recorder: begun, lost, split and resumed; the journal and the recorder's files tell the same."""

from __future__ import annotations

from itertools import pairwise

import pytest

from closedloop.artifacts.day.journal import accepted
from closedloop.artifacts.day.journal_rows import (
    LaunchOpened,
    Paused,
    Presentation,
    PresentationBegun,
    RecordingNoted,
    SessionEnded,
    TrialBegun,
    TrialEnded,
)
from closedloop.devices.files import find_devices
from closedloop.errors import SessionError
from closedloop.stages.ingest.named_session import another_session
from tests.unit.rig.machine.operated import Script
from tests.unit.rig.recorders.conftest import Operator, recordings

pytestmark = pytest.mark.slow

NAME = "apples-day-03_launch-{}_part-{}"


def do_nothing(_asked):
    """Continue, and nothing else."""


def events_around(journal):
    """Return each recording row with what stands before and after it, clocks aside."""
    rows = [row for row in journal.rows if row.event != "clock_compared"]
    return [(rows[i - 1], row, rows[i + 1]) for i, row in enumerate(rows) if isinstance(row, RecordingNoted)]


class TestBlackrock:
    def test_records_from_before_the_first_trial_until_after_the_last(self, make_bench):
        bench = make_bench()
        journal = bench.run(bench.blackrock())
        assert recordings(journal) == [("started", 0, 1, "packets_and_file"), ("stopped", 0, 1, "file")]
        (launch, _, begun), (ended, _, end) = events_around(journal)
        assert [type(row) for row in (launch, begun, ended, end)] == [
            LaunchOpened,
            TrialBegun,
            TrialEnded,
            SessionEnded,
        ]
        assert (journal.ended.outcome, bench.files, bench.central.recording) == ("complete", [NAME.format(1, 1)], "")

    def test_its_comments_name_the_session_to_ingest(self, make_bench):
        bench = make_bench()
        bench.run(bench.blackrock())
        assert bench.central.comments == ["apples-day-03", "apples-day-03"]
        assert another_session(bench.central.comments, "apples-day-03") == ""
        assert another_session(bench.central.comments, "apples-day-04") == "apples-day-03"

    def test_a_lost_device_pauses_once_and_records_into_a_new_file(self, make_bench):
        bench = make_bench(12)

        def unplug():
            bench.central.is_plugged = False

        def plug_in(_asked):
            bench.central.is_plugged = True

        operator = Operator(plug_in)
        journal = bench.run(bench.blackrock(), operator=operator, happens={60: unplug})
        (paused,) = [row for row in journal.rows if isinstance(row, Paused)]
        assert (paused.by, "expected packets from NSP, found none for 0.5 s" in paused.why) == ("device", True)
        assert operator.said == [f"paused: {paused.why}"]
        assert paused.time_s == pytest.approx(60 / 60 + 0.5, abs=0.05)
        assert [one[:3] for one in recordings(journal)] == [
            ("started", 0, 1),
            ("lost", 0, 1),
            ("started", 0, 2),
            ("stopped", 0, 2),
        ]
        assert {row.reason for row in journal.presentations} <= {None, "device_error", "not_recorded"}
        assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(12))
        assert bench.files == [NAME.format(1, 1), NAME.format(1, 2)]

    def test_a_device_that_is_still_gone_pauses_again(self, make_bench):
        bench = make_bench(12)

        def unplug():
            bench.central.is_plugged = False

        def plug_in(_asked):
            bench.central.is_plugged = True

        operator = Operator(do_nothing, plug_in)
        journal = bench.run(bench.blackrock(), operator=operator, happens={60: unplug})
        assert len([row for row in journal.rows if isinstance(row, Paused)]) == 2
        assert "expected NSP to answer" in operator.said[1]
        assert recordings(journal)[-1] == ("stopped", 0, 2, "file")

    def test_a_lost_device_ends_a_session_without_an_operator_and_it_is_resumed_into_a_new_file(self, make_bench):
        bench = make_bench(12)

        def unplug():
            bench.central.is_plugged = False

        with pytest.raises(SessionError, match="expected packets from NSP"):
            bench.run(bench.blackrock(), happens={60: unplug})
        assert bench.journal.ended.outcome == "stopped"
        bench.central.is_plugged = True
        bench.central.order("stop")  # Central, which nobody could tell
        journal = bench.run(bench.blackrock())
        assert [one[:3] for one in recordings(journal)] == [
            ("started", 0, 1),
            ("lost", 0, 1),
            ("started", 1, 1),
            ("stopped", 1, 1),
        ]
        assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(12))
        assert bench.files == [NAME.format(1, 1), NAME.format(2, 1)]

    def test_a_file_that_stalls_pauses_and_is_followed_by_another(self, make_bench):
        bench = make_bench(120)
        operator = Operator(do_nothing)
        journal = bench.run(bench.blackrock(), operator=operator, happens={60: lambda: bench.central.order("stop")})
        assert "found that it has not for 3" in operator.said[0]
        events = [row.event for row in journal.rows]
        assert events[events.index("paused") - 1] == "recording"  # the loss is noted at once
        assert [one[:3] for one in recordings(journal)] == [
            ("started", 0, 1),
            ("lost", 0, 1),
            ("started", 0, 2),
            ("stopped", 0, 2),
        ]

    def test_a_device_that_is_lost_in_a_pause_is_noted_as_lost(self, make_bench):
        bench = make_bench(12)

        def plug(is_plugged):
            bench.central.is_plugged = is_plugged

        operator = Script(bench.screen, **{"pause": 30, "continue": 300})
        operator.said = []
        happens = {60: lambda: plug(False), 250: lambda: plug(True)}
        journal = bench.run(bench.blackrock(), operator=operator, happens=happens)
        assert [one[:3] for one in recordings(journal)] == [
            ("started", 0, 1),
            ("lost", 0, 1),
            ("started", 0, 2),
            ("stopped", 0, 2),
        ]
        assert len([row for row in journal.rows if isinstance(row, Paused)]) == 1

    def test_without_its_folder_says_what_it_could_not_see(self, make_bench):
        bench = make_bench()
        journal = bench.run(bench.blackrock(folder=False))
        assert recordings(journal) == [("started", 0, 1, "packets"), ("stopped", 0, 1, "nobody")]
        assert bench.said == [
            "recorder: told to stop; whether its file has ended cannot be seen from here. See in Central."
        ]

    def test_that_does_not_end_is_told_of_and_the_session_is_complete(self, make_bench):
        bench = make_bench()
        bench.central.ends = False
        journal = bench.run(bench.blackrock())
        assert journal.ended.outcome == "complete"
        assert recordings(journal)[-1] == ("stopped", 0, 1, "nobody")
        assert "found that it still grows after 15 s. Stop it in Central." in bench.said[0]


class TestSplits:
    def test_by_presentations_a_new_file_follows_the_trial_that_filled_one(self, make_bench):
        bench = make_bench(12)
        journal = bench.run(bench.blackrock(), split_presentations=4)
        assert [one[:3] for one in recordings(journal)] == [
            ("started", 0, 1),
            ("stopped", 0, 1),  # after six: a trial is never cut
            ("started", 0, 2),
            ("stopped", 0, 2),
        ]
        assert [row.ordinal for row in journal.presentations] == list(range(12))
        assert [_n_before(journal, row) for _, row, _ in events_around(journal)] == [0, 6, 6, 12]

    def test_no_image_is_up_while_a_file_is_changed(self, make_bench):
        bench = make_bench(12)
        journal = bench.run(bench.blackrock(), split_presentations=3)
        for before, _, after in events_around(journal):
            assert not isinstance(before, PresentationBegun | TrialBegun)
            assert not isinstance(after, PresentationBegun | Presentation)
        assert all(row.outcome == "accepted" for row in journal.presentations)

    def test_by_minutes(self, make_bench):
        bench = make_bench(120)
        journal = bench.run(bench.blackrock(), split_minutes=0.25)
        begun = [row.time_s for row in journal.rows if isinstance(row, RecordingNoted) and row.state == "started"]
        assert len(begun) == 4
        # Up to the end of the trial under way, of 2 s with its interval, and until the stop was seen.
        assert all(15.0 <= later - earlier < 20.0 for earlier, later in pairwise(begun))

    def test_what_follows_an_image_is_recorded_before_a_stop(self, make_bench):
        bench = make_bench(12)
        journal = bench.run(bench.blackrock(), split_presentations=6)
        ended_s = [before.time_s for before, row, _ in events_around(journal) if row.state == "stopped"]
        ahead_s = bench.central.time_s - bench.screen.frame / 60  # Central began before the session
        assert len(ended_s) == 2
        for trial_s, stop_s in zip(ended_s, bench.central.stopped_s, strict=True):
            assert stop_s - ahead_s - trial_s >= 0.5 - 1e-6

    def test_ingest_takes_the_files_in_the_order_in_which_they_were_recorded(self, make_bench):
        bench = make_bench(60)
        bench.run(bench.blackrock(), split_presentations=3)
        (device,) = find_devices(sorted(bench.central.folder.iterdir()))
        parts = [one.stem.removesuffix("001") for one in device.recordings]
        assert parts == [NAME.format(1, part) for part in range(1, 21)]

    def test_a_split_that_fails_pauses_and_goes_on_in_a_new_file(self, make_bench):
        bench = make_bench(12)

        def refuse(state, _now_s):
            bench.central.records = state.next_trial != 2

        def mend(_asked):
            bench.central.records = True

        journal = bench.run(bench.blackrock(), operator=Operator(mend), on_trial=refuse, split_presentations=6)
        assert [one[:3] for one in recordings(journal)][:3] == [
            ("started", 0, 1),
            ("stopped", 0, 1),
            ("started", 0, 2),
        ]
        assert journal.ended.outcome == "complete"


def _n_before(journal, row):
    place = journal.rows.index(row)
    return sum(1 for one in journal.rows[:place] if isinstance(one, Presentation))


class Hands:
    """A person who does what is asked: starts the recorder with the name that the line has."""

    def __init__(self, central, *, name=None):
        self._central, self._name, self.asked = central, name, []

    def __call__(self, line):
        self.asked.append(line)
        self._central.order("stop")
        self._central.order("open dialog")
        self._central.pass_time(1.0)
        name = self._name or line.partition("file name ")[2].partition(",")[0]
        self._central.order("start", name, "")


class TestByHand:
    def test_waits_for_the_operators_word_before_the_first_trial(self, make_bench):
        bench = make_bench()
        hands = Hands(bench.central)
        journal = bench.run(bench.by_hand(), operator=Operator(hands))
        assert hands.asked == [
            f"paused: recorder: start the recorder with the file name {NAME.format(1, 1)}, then press Enter, "
            "or `rig tell SESSION continue`"
        ]
        events = [row.event for row in journal.rows][:6]
        assert events == ["segment_opened", "paused", "commanded", "recording", "continued", "trial_begun"]
        assert recordings(journal) == [("started", 0, 1, "file"), ("stopped", 0, 1, "nobody")]
        assert bench.said[-1] == f"recorder: stop the recorder now ({NAME.format(1, 1)})."
        assert journal.ended.outcome == "complete"

    def test_where_no_file_is_seen_the_word_alone_is_believed(self, make_bench):
        bench = make_bench()
        journal = bench.run(bench.by_hand(folder=False), operator=Operator(do_nothing))
        assert recordings(journal) == [("started", 0, 1, "operator"), ("stopped", 0, 1, "nobody")]

    def test_a_word_without_a_file_that_grows_is_not_believed(self, make_bench):
        bench = make_bench()
        hands = Hands(bench.central)
        journal = bench.run(bench.by_hand(), operator=Operator(do_nothing, hands))
        assert "expected a file to grow in" in hands.asked[0]
        assert f"Start the recorder with the file name {NAME.format(1, 1)}, then continue" in hands.asked[0]
        assert [row.event for row in journal.rows if row.event in ("paused", "trial_begun")][:3] == [
            "paused",
            "paused",
            "trial_begun",
        ]

    def test_the_journal_has_the_name_that_was_seen(self, make_bench):
        bench = make_bench()
        journal = bench.run(bench.by_hand(), operator=Operator(Hands(bench.central, name="monday")))
        assert {row.file for row in journal.rows if isinstance(row, RecordingNoted)} == {"monday001"}
        assert any("expected the file name" in line and "found that monday001.nev" in line for line in bench.said)

    def test_asks_for_a_new_file_at_a_resume(self, make_bench):
        bench = make_bench(12)

        def stop_after_two(state, _now_s):
            if state.next_trial == 2:
                bench.stop.ask()

        bench.run(bench.by_hand(), operator=Operator(Hands(bench.central)), on_trial=stop_after_two)
        bench.stop.__init__()
        hands = Hands(bench.central)
        journal = bench.run(bench.by_hand(), operator=Operator(hands))
        assert f"start the recorder with the file name {NAME.format(2, 1)}" in hands.asked[0]
        assert [one[:3] for one in recordings(journal)] == [
            ("started", 0, 1),
            ("stopped", 0, 1),
            ("started", 1, 1),
            ("stopped", 1, 1),
        ]

    def test_a_split_waits_for_the_operator(self, make_bench):
        bench = make_bench(12)
        hands = Hands(bench.central)
        journal = bench.run(bench.by_hand(), operator=Operator(hands, hands), split_presentations=6)
        assert f"stop the recorder, and start it anew with the file name {NAME.format(1, 2)}" in hands.asked[1]
        assert recordings(journal)[1:3] == [("stopped", 0, 1, "nobody"), ("started", 0, 2, "file")]
        assert journal.ended.outcome == "complete"

    def test_a_stop_while_it_waits_ends_the_session(self, make_bench):
        bench = make_bench()
        journal = bench.run(bench.by_hand(), happens={30: bench.stop.ask}, operator=Operator())
        assert (journal.ended.outcome, journal.presentations, recordings(journal)) == ("stopped", (), [])
