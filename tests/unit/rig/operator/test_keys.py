"""Keys: what ends a session is asked for twice, and nothing else is done by the answer."""

from __future__ import annotations

from rig.operator.keys import KeyReader
from rig.stop import CONFIRM_S


def pressed(*keys, is_paused=False, every_s=1.0):
    reader = KeyReader()
    return [reader.press(key, is_paused=is_paused, now_s=number * every_s) for number, key in enumerate(keys)]


def test_each_key_asks_for_its_own_and_the_one_for_a_pause_continues_too():
    assert pressed("p", "r", "S", "c", "x") == ["pause", "reward", "skip", "recalibrate", None]
    assert pressed("p", is_paused=True) == ["continue"]


def test_the_end_is_asked_for_twice_by_q_or_escape():
    assert pressed("q", "q") == [None, "quit"]
    assert pressed("Escape", "q") == [None, "quit"]
    assert pressed("q", "q", every_s=CONFIRM_S + 1) == [None, None]


def test_another_key_is_the_answer_no_and_does_nothing_else():
    assert pressed("q", "r", "q", "p", "p") == [None, None, None, None, "pause"]


def test_the_question_stands_while_it_can_be_answered():
    reader = KeyReader()
    assert not reader.question(0.0)
    reader.press("q", is_paused=False, now_s=0.0)
    assert "Press q once more" in reader.question(1.0)
    assert not reader.question(CONFIRM_S + 0.1)
