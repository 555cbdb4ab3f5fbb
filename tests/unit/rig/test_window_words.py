"""What the desktop says of the window, in words: no single sign is enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rig.display.health import WindowSigns, words_of
from rig.display.screens import Rectangle

HEAD = Rectangle(800, 0, 800, 600)
FINE = WindowSigns(is_there=True, is_shown=True, visibility="whole", above=(), keyboard=None, place=HEAD, wanted=HEAD)


def test_nothing_is_said_of_a_window_that_can_be_seen():
    assert words_of(FINE) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_there": False}, "the window was closed"),
        ({"is_shown": False}, "iconified or on another workspace"),  # silent: no window is above, the focus may stay
        ({"above": ('"a dialog"',)}, 'covered by "a dialog"'),  # without a manager our keyboard stays
        ({"visibility": "part"}, "a part of the window is covered"),
        ({"visibility": "none"}, "a part of the window is covered"),
        ({"keyboard": '"a terminal"'}, 'the keyboard writes into "a terminal"'),  # on the other screen: nothing above
        ({"place": Rectangle(0, 0, 800, 600)}, r"800 x 600 at (0, 0), expected 800 x 600 at (800, 0)"),
    ],
)
def test_each_sign_alone_is_told_with_what_to_do(change, said):
    (words,) = words_of(replace(FINE, **change))
    assert said in words
    assert ": " in words


def test_what_is_wrong_at_once_is_told_at_once():
    words = words_of(replace(FINE, above=('"a"', '"b"'), keyboard='"a"', visibility="part"))
    assert len(words) == 2
    assert 'covered by "a", "b"' in words[0]
