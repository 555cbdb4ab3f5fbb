"""A reward is noted when it is meant, given and confirmed; an end waits for an open valve."""

from __future__ import annotations

from random import Random

from closedloop.artifacts.day.journal_rows import (
    RewardNoted,
    TrialEnded,
)
from closedloop.artifacts.day.session_summary import summarize
from rig.ports.reward import LoggedReward, SilentReward
from tests.unit.rig.machine.operated import FIRST_IMAGE, Script, events
from tests.unit.rig.ports import HZ, SlowValve


def rewards(journal):
    return [(row.state, row.trial, row.duration_ms) for row in events(journal, RewardNoted)]


def test_without_a_valve_no_reward_is_noted_and_none_is_counted(bench):
    journal = bench.run(reward=SilentReward())
    assert rewards(journal) == []
    assert [row.reward_ms for row in events(journal, TrialEnded)] == [0.0, 0.0]
    assert summarize(bench.session.document, journal).reward_ms == 0.0
    assert journal.launches[0].reward == "none"


def test_a_reward_is_intended_given_and_counted_when_the_valve_confirmed_it(bench):
    journal = bench.run(reward=SlowValve(lambda: bench.screen.frame / HZ, Random(0)))
    steps = ("intended", "given", "acknowledged")
    assert rewards(journal) == [(step, trial, 80.0) for trial in (0, 1) for step in steps]
    ended = events(journal, TrialEnded)
    assert [row.reward_ms for row in ended] == [80.0, 80.0]
    given = next(row for row in events(journal, RewardNoted) if row.state == "given")
    assert round((ended[0].time_s - given.time_s) * HZ) == 5  # 80 ms and the rest of a frame
    assert summarize(bench.session.document, journal).reward_ms == 160.0


def test_a_valve_that_never_confirms_counts_nothing_and_tells_the_operator(bench):
    operator = Script(bench.screen, **{"continue": 300})
    valve = SlowValve(lambda: bench.screen.frame / HZ, Random(0), dead=1.0)
    bench.run(reward=valve, commands=Both(operator, Script(bench.screen, quit=400)))
    journal = bench.journal
    assert [step for step, _, _ in rewards(journal)][:3] == ["intended", "given", "failed"]
    assert events(journal, TrialEnded)[0].reward_ms == 0.0
    assert "expected the valve to confirm 80 ms" in bench.said[0]


class Both:
    """Two operators."""

    def __init__(self, *operators):
        self._operators = operators

    def poll(self):
        return tuple(command for operator in self._operators for command in operator.poll())


def test_a_stop_while_the_valve_is_open_waits_for_it(bench):
    end_of_trial = FIRST_IMAGE + 3 * 12
    operator = Script(bench.screen, quit=end_of_trial + 1)
    journal = bench.run(reward=SlowValve(lambda: bench.screen.frame / HZ, Random(0)), commands=operator)
    assert rewards(journal)[-1][0] == "acknowledged"
    assert (events(journal, TrialEnded)[0].outcome, journal.ended.outcome) == ("completed", "stopped")


def test_the_operator_s_own_reward_counts_beside_the_trials(bench):
    operator = Script(bench.screen, reward=3)
    journal = bench.run(reward=LoggedReward(), commands=operator)
    assert [trial for step, trial, _ in rewards(journal) if step == "acknowledged"] == [None, 0, 1]
    assert [row.reward_ms for row in events(journal, TrialEnded)] == [80.0, 80.0]
    assert summarize(bench.session.document, journal).reward_ms == 240.0
    assert operator.answers["reward"] == "reward 80 ms: given"


def test_a_session_that_ends_waits_for_the_operator_s_own_reward(bench):
    operator = Script(bench.screen, reward=10, quit=11)
    journal = bench.run(reward=SlowValve(lambda: bench.screen.frame / HZ, Random(0)), commands=operator)
    assert rewards(journal) == [(step, None, 80.0) for step in ("intended", "given", "acknowledged")]
    assert summarize(bench.session.document, journal).reward_ms == 80.0
