"""Keys: what ends a session is asked for twice, and nothing else is done by the answer."""

from __future__ import annotations

from rig.operator.keys import KeyReader
from rig.stop import CONFIRM_S, HELD_S


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


def held(key, *, first_s, every_s, n=30):
    """What a key asks for that is held down: the system repeats it after a while, then fast."""
    reader = KeyReader()
    times_s = [0.0, *(first_s + every_s * number for number in range(n))]
    asked = [reader.press(key, is_paused=False, now_s=now_s) for now_s in times_s]
    return asked, reader, times_s[-1]


def test_a_key_that_is_held_down_is_pressed_once_however_fast_the_system_repeats_it():
    for first_s, every_s in ((0.66, 0.04), (0.5, 1 / 30), (0.25, 0.092), (0.0, 0.0)):
        for key, name in (("r", "reward"), ("p", "pause"), ("Escape", None), ("q", None)):
            asked, reader, end_s = held(key, first_s=first_s, every_s=every_s)
            assert asked == [name] + [None] * (len(asked) - 1), (key, first_s, every_s)
            if name is None:  # the question still stands: the next press, by a finger, answers it
                assert reader.press(key, is_paused=False, now_s=end_s + HELD_S) == "quit"


def test_who_hammers_on_a_key_is_heard():
    assert pressed("q", "q", "q", every_s=0.2) == [None, None, "quit"]
    assert pressed("r", "r", "r", "r", every_s=0.15) == ["reward", None, "reward", "reward"]


def test_two_keys_one_after_the_other_are_two():
    assert pressed("p", "r", "p", "r", every_s=0.05) == ["pause", "reward", "pause", "reward"]
