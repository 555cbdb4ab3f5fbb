"""Whether the window is where the animal sees it: stacking, visibility, keyboard and place, from the server itself.

A report of the server (an event) says at once that something changed; what changed is asked then. A window manager
puts a frame around ours, so that windows above it are looked for among the root window's children.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal

from Xlib import X, Xatom
from Xlib.ext import shape
from Xlib.protocol import event as messages

from rig.display.health import WindowSigns, words_of
from rig.display.screens import Rectangle
from rig.display.x11.connection import GONE

OURS = "_CLOSEDLOOP_RIG"
_VISIBILITY: dict[int, Literal["whole", "part", "none"]] = {
    X.VisibilityUnobscured: "whole",
    X.VisibilityPartiallyObscured: "part",
    X.VisibilityFullyObscured: "none",
}
_MOST_OF_TITLE = 60
_OF_THE_SCREEN = (X.ConfigureNotify, X.CreateNotify)


def mark_as_ours(server: Any, window_id: int) -> None:
    """Mark a window as one of the rig's: its keyboard is watched, so that it may have it (the operator's window).

    What is around it is marked too: a toolkit has the keyboard in a wrapper of its own.
    """
    window, root = server.create_resource_object("window", window_id), server.screen().root
    while not isinstance(window, int) and window.id != root.id:
        window.change_property(server.intern_atom(OURS), Xatom.CARDINAL, 32, [os.getpid()])
        window = window.query_tree().parent
    server.flush()


class WindowWatch:
    """Watches one window.

    Parameters
    ----------
    server
        A connection of the watch's own: it takes all reports that come over it.
    window_id
        The window.
    wanted
        Where it has to be.
    """

    def __init__(self, server: Any, window_id: int, wanted: Rectangle) -> None:
        self._server, self._wanted = server, wanted
        self._root = server.screen().root
        self._window = server.create_resource_object("window", window_id)
        self._visibility: Literal["whole", "part", "none"] = "whole"
        self._words: tuple[str, ...] = ()
        mark_as_ours(server, window_id)
        # Asks a compositing manager to leave this window alone: it would show each picture when it likes.
        bypass = server.intern_atom("_NET_WM_BYPASS_COMPOSITOR")
        self._window.change_property(bypass, Xatom.CARDINAL, 32, [1])
        ours = X.VisibilityChangeMask | X.StructureNotifyMask | X.FocusChangeMask
        self._window.change_attributes(event_mask=ours)
        self._root.change_attributes(event_mask=X.SubstructureNotifyMask)
        server.sync()

    def poll(self) -> tuple[str, ...]:
        """Return what is wrong, from what the server reported since; asks only where that may have changed it."""
        return self.look() if self._take_reports() else self._words

    def _take_reports(self) -> bool:
        """Take what the server reported; return whether it may change what is known."""
        is_stale = False
        while self._server.pending_events():
            is_stale |= self._takes(self._server.next_event())
        return is_stale

    def _takes(self, event: Any) -> bool:
        """Return whether an event may change what is known."""
        if event.type == X.VisibilityNotify:
            self._visibility = _VISIBILITY[event.state]
            return True
        if event.type in _OF_THE_SCREEN and event.window != self._window and not self._words:
            place = Rectangle(event.x, event.y, event.width, event.height)
            return place.overlaps(self._wanted)
        return True

    def look(self) -> tuple[str, ...]:
        """Return what is wrong, from asking everything anew."""
        self._take_reports()
        self._words = words_of(self.signs())
        return self._words

    def signs(self) -> WindowSigns:
        """Return what the server says of the window now."""
        try:
            return WindowSigns(
                is_there=True,
                is_shown=self._window.get_attributes().map_state == X.IsViewable,
                visibility=self._visibility,
                above=tuple(self._above()),
                keyboard=self._keyboard(),
                place=self.place(),
                wanted=self._wanted,
            )
        except GONE:
            return WindowSigns(
                is_there=False,
                is_shown=False,
                visibility="none",
                above=(),
                keyboard=None,
                place=self._wanted,
                wanted=self._wanted,
            )

    def place(self) -> Rectangle:
        """Return where the window is on the desktop, whatever frame is around it."""
        size, corner = self._window.get_geometry(), self._root.translate_coords(self._window, 0, 0)
        return Rectangle(corner.x, corner.y, size.width, size.height)

    def _above(self) -> Iterator[str]:
        lineage = {window.id for window in self._lineage(self._window)}
        for window in reversed(self._root.query_tree().children):
            if window.id in lineage:
                return
            try:
                if self._hides(window):
                    yield title_of(window)
            except GONE:  # it closed meanwhile
                continue

    def _hides(self, window: Any) -> bool:
        looks = window.get_attributes()
        if looks.map_state != X.IsViewable or looks.win_class != X.InputOutput:
            return False
        size = window.get_geometry()
        place = Rectangle(size.x, size.y, size.width + 2 * size.border_width, size.height + 2 * size.border_width)
        return place.overlaps(self._wanted) and not self._is_cut_out(window)

    def _is_cut_out(self, window: Any) -> bool:
        """Return whether a window of another shape than its rectangle leaves ours free."""
        if not self._server.has_extension("SHAPE"):
            return False
        corner = self._root.translate_coords(window, 0, 0)
        parts = [
            Rectangle(corner.x + part["x"], corner.y + part["y"], part["width"], part["height"])
            for part in window.shape_get_rectangles(shape.SK.Bounding).rectangles
        ]
        return not any(part.overlaps(self._wanted) for part in parts)

    def _keyboard(self) -> str | None:
        focus = self._server.get_input_focus().focus
        if isinstance(focus, int):  # none at all, or whatever the mouse is over
            return "no window" if focus == X.NONE else "whatever is under the mouse"
        mark = self._server.intern_atom(OURS)
        try:
            if any(window.get_full_property(mark, Xatom.CARDINAL) is not None for window in self._lineage(focus)):
                return None
            return title_of(focus)
        except GONE:
            return "a window that closed"

    def _lineage(self, window: Any) -> Iterator[Any]:
        """Yield a window, its parent, its parent's parent ..., without the root."""
        while not isinstance(window, int) and window.id != self._root.id:
            yield window
            window = window.query_tree().parent

    def bring_back(self) -> None:
        """Show the window, put it above others and into its place, and give it the keyboard."""
        self._window.map()
        self._window.configure(stack_mode=X.Above)
        active = self._server.intern_atom("_NET_ACTIVE_WINDOW")
        asked = messages.ClientMessage(window=self._window, client_type=active, data=(32, [2, X.CurrentTime, 0, 0, 0]))
        self._root.send_event(asked, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        self._server.sync()
        if self._window.get_attributes().map_state == X.IsViewable:
            self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
            self._server.sync()


def title_of(window: Any) -> str:
    """Return what to call a window: its title, its program's name, or its number."""
    for candidate in (window, *window.query_tree().children):  # a window manager's frame has none, what is in it does
        name = candidate.get_wm_name() or (candidate.get_wm_class() or ("", ""))[1]
        text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        printable = "".join(letter for letter in text if letter.isprintable())[:_MOST_OF_TITLE].strip()
        if printable:
            return f'"{printable}"'
    return f"window {window.id:#x}"
