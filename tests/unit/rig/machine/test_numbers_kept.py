"""What a kill or a power cut left begun is never begun again, and twins that came too near are counted."""

from __future__ import annotations

import pytest

from closedloop.artifacts.day.journal import accepted
from closedloop.artifacts.day.journal_rows import (
    PresentationBegun,
    TrialStarted,
)
from closedloop.artifacts.day.session import TwinSettings
from closedloop.artifacts.day.session_summary import summarize
from rig.machine.presenter import LaunchFacts
from rig.session.folder import open_session
from tests.unit.rig.machine.operated import FIRST_IMAGE, SECOND_IMAGE, Bench, events
from tests.unit.rig.ports import HZ, FastTracker, FaultyDisplay, PowerGone


@pytest.mark.parametrize("after", [False, True])
def test_an_image_that_a_kill_cut_never_gives_its_ordinal_nor_its_code_again(bench, after):
    with pytest.raises(PowerGone):
        bench.run(display=FaultyDisplay(bench.screen, kill_at=(SECOND_IMAGE - 1, after)))
    begun = events(bench.journal, PresentationBegun)
    assert [row.ordinal for row in begun] == [0, 1]
    assert [row.presentation_index for row in bench.journal.presentations] == [0]
    journal = bench.run()
    assert [row.ordinal for row in events(journal, PresentationBegun)] == list(range(7))
    codes = [code for code in bench.wire.codes if code < 200]
    assert len(set(codes)) == len(codes) == 6 + after
    assert summarize(bench.session.document, journal).n_cut == 1
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(6))


def test_a_trial_that_a_kill_cut_never_gives_its_code_again(bench):
    with pytest.raises(PowerGone):
        bench.run(display=FaultyDisplay(bench.screen, kill_at=(0, True)))
    assert bench.wire.codes == [200]
    assert not events(bench.journal, TrialStarted)
    bench.run()
    assert [code for code in bench.wire.codes if code >= 200] == [200, 201, 202]


def test_after_a_power_cut_the_numbers_of_a_trial_are_left_out(bench):
    with pytest.raises(PowerGone):
        bench.run(
            display=FaultyDisplay(bench.screen, kill_at=(SECOND_IMAGE + 1, True)), facts=LaunchFacts(boot_id="one")
        )
    journal = bench.run(facts=LaunchFacts(boot_id="two", was_cut=True))
    assert [row.first_ordinal for row in journal.launches] == [0, 2 + 3]
    assert [row.first_trial for row in journal.launches] == [0, 1 + 1]
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(6))


def test_twins_that_could_not_be_kept_apart_are_counted_and_said_in_one_line(make_session, tmp_path):
    twins = TwinSettings(least_presentations=3, clean_of_image=(0, 1, 2, 0))
    folder = make_session(n_images=4, n_presentations=4, twins=twins)
    bench = Bench(open_session(folder), tmp_path / "present")
    # the first image is broken, the two after it return to the front: only beside its twin is a place left
    bench.run(gaze=FastTracker(0.0, away=[(FIRST_IMAGE / HZ, FIRST_IMAGE / HZ + 0.1)]))
    journal = bench.journal
    assert [row.image_index for row in journal.presentations] == [0, 1, 2, 3, 0]
    assert journal.ended.n_twins_too_near == summarize(bench.session.document, journal).n_twins_too_near == 1
    assert bench.said == [
        "1 presentation was accepted closer to a twin than the 3 presentations planned: there were no others left "
        "between."
    ]


class NobodyThere(list):
    """An operator who cannot be told anything."""

    def append(self, line):
        raise OSError("nobody there")


def test_an_end_that_was_written_is_not_written_again_where_nobody_can_be_told(make_session, tmp_path):
    twins = TwinSettings(least_presentations=3, clean_of_image=(0, 1, 2, 0))
    bench = Bench(open_session(make_session(n_images=4, n_presentations=4, twins=twins)), tmp_path / "present")
    bench.said = NobodyThere()
    with pytest.raises(OSError, match="nobody there"):
        bench.run(gaze=FastTracker(0.0, away=[(FIRST_IMAGE / HZ, FIRST_IMAGE / HZ + 0.1)]))
    assert bench.journal.ended.outcome == "complete"


def test_a_rejected_image_returns_at_its_distance_from_its_twin(make_session, tmp_path):
    twins = TwinSettings(least_presentations=3, clean_of_image=(0, 1, 2, 0, 4, 5))
    bench = Bench(open_session(make_session(n_presentations=6, twins=twins)), tmp_path / "present")
    journal = bench.run(gaze=FastTracker(0.0, away=[(FIRST_IMAGE / HZ, FIRST_IMAGE / HZ + 0.1)]))
    # of the places behind images 1 and 2 only the last is three from image 3
    assert [row.image_index for row in journal.presentations] == [0, 1, 2, 3, 4, 5, 0]
    assert (journal.ended.n_twins_too_near, bench.said) == (0, [])
