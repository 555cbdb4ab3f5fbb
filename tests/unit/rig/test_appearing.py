"""A window that the desktop does not show at once is asked for again; one that it never shows is a line."""

from __future__ import annotations

import threading
from contextlib import closing, contextmanager

import pytest
from Xlib import X
from Xlib.display import Display

from closedloop.errors import SessionError
from rig.display.x11.appearing import TITLE, seen_to_appear
from tests.equipment.driven_display import DisplayRefusedError, driven_display
from tests.equipment.two_heads import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.display]


@pytest.fixture
def session_on_second_screen(make_session):
    screen = {"width_px": 800, "height_px": 600, "screen": 1, "full_screen": True}
    return make_session(n_presentations=12, screen=screen)


@contextmanager
def careless_manager(name, *, misses):
    """A window manager that misses the first requests for each window to be shown, and keeps no frame around it."""
    missed = {}
    with closing(Display(name)) as server:
        server.screen().root.change_attributes(event_mask=X.SubstructureRedirectMask)
        server.sync()
        is_over = threading.Event()

        def manage():
            while not is_over.wait(0.01):
                while server.pending_events():
                    asked = server.next_event()
                    if asked.type == X.ConfigureRequest:
                        asked.window.configure(x=asked.x, y=asked.y, width=asked.width, height=asked.height)
                    if asked.type == X.MapRequest:
                        missed[asked.window.id] = missed.get(asked.window.id, 0) + 1
                        if missed[asked.window.id] > misses:
                            asked.window.map()
                    server.sync()

        manager = threading.Thread(target=manage)
        manager.start()
        try:
            yield missed
        finally:
            is_over.set()
            manager.join()


def open_as_psychopy_does(server):
    """Open a window, ask for it once, and wait for the word that it is shown."""
    root = server.screen().root
    window = root.create_window(0, 0, 40, 30, 0, server.screen().root_depth, event_mask=X.StructureNotifyMask)
    window.set_wm_name(TITLE)
    window.map()
    server.flush()
    while server.next_event().type != X.MapNotify:
        pass
    return window


def test_a_rig_whose_window_was_missed_asks_again_and_shows(two_heads, session_on_second_screen):
    with (
        careless_manager(two_heads.environment["DISPLAY"], misses=1) as missed,
        driven_display(two_heads.environment) as display,
    ):
        display.call("open", folder=str(session_on_second_screen))
        assert two_heads.window_of_rig().id in missed
        display.call("close")


def test_a_window_that_is_missed_thrice_is_shown_and_others_are_left_hidden(x_display):
    name = x_display["DISPLAY"]
    with careless_manager(name, misses=3) as missed, closing(Display(name)) as ours, closing(Display(name)) as theirs:
        stranger = theirs.screen().root.create_window(0, 0, 9, 9, 0, theirs.screen().root_depth)
        stranger.set_wm_name(TITLE)  # of a rig that was there before
        stranger.map()
        theirs.sync()
        wait_until(lambda: stranger.id in missed, "the stranger's request")
        with closing(Display(name)) as watching, seen_to_appear(watching, ask_again_s=0.1):
            window = open_as_psychopy_does(ours)
        assert window.get_attributes().map_state == X.IsViewable
        assert (missed[window.id], missed[stranger.id]) == (4, 1)


def test_a_window_that_is_never_shown_is_a_line(x_display):
    name = x_display["DISPLAY"]
    with (
        careless_manager(name, misses=10**6),
        closing(Display(name)) as ours,
        closing(Display(name)) as watching,
        pytest.raises(SessionError, match=r"within 0.5 s, found it hidden. See whether the window manager of DISPLAY="),
        seen_to_appear(watching, ask_again_s=0.1, give_up_s=0.5),
    ):
        open_as_psychopy_does(ours)


def test_a_rig_whose_window_is_never_shown_says_so(two_heads, session_on_second_screen):
    with (
        careless_manager(two_heads.environment["DISPLAY"], misses=10**6),
        driven_display(two_heads.environment) as display,
        pytest.raises(DisplayRefusedError, match=r"found it hidden. See whether the window manager of DISPLAY="),
    ):
        display.call("open", folder=str(session_on_second_screen))


def test_a_window_that_was_hidden_closes(any_two_heads, session_on_second_screen):
    with driven_display(any_two_heads.environment) as display:
        display.call("open", folder=str(session_on_second_screen))
        any_two_heads.iconify(any_two_heads.window_of_rig())
        display.call("close")
        assert any_two_heads.named("PsychoPy") == []
