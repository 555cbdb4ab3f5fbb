"""The operator's window on a screen of its own, drawn by Tk.

Tk draws through the X server's own shapes: no context of the graphics card, which draws for the animal; it starts in
a tenth of a second, and is part of Python.
"""

from __future__ import annotations

import tkinter
from contextlib import suppress
from tkinter import font as tk_font
from typing import Literal

from closedloop.errors import SessionError
from rig.display.desktop import Desktop, open_desktop
from rig.display.screens import Rectangle
from rig.operator.views.feed import Feed
from rig.operator.views.layout import Box, Drawn, Label, Oval, Polyline, Thumb, lay_out

_DRAW_MS = 200
_LEAST_PX = (360, 300)
_BACKGROUND = "#101418"


class OperatorWindow:
    """Draws the newest state until the rig has ended.

    Parameters
    ----------
    feed
        What is known.
    screen
        Number of the operator's screen.
    """

    def __init__(self, feed: Feed, screen: int) -> None:
        self._feed = feed
        self._root = tkinter.Tk()
        self._root.title(f"rig: {feed.state.session_id}")
        self._desktop = open_desktop()
        self._marked = 0
        place = _place_of(self._desktop, screen)
        # Without a window manager it is as large as the screen; with one it is enlarged to what frames and bars
        # leave, or its keys, which stand below everything, would be outside of the screen.
        self._root.geometry(f"{place.width_px}x{place.height_px}+{place.left_px}+{place.top_px}")
        with suppress(tkinter.TclError):  # not on every system
            self._root.attributes("-zoomed", True)
        self._root.minsize(*_LEAST_PX)
        self._canvas = tkinter.Canvas(self._root, background=_BACKGROUND, highlightthickness=0)
        self._canvas.pack(fill="both", expand=True)
        self._family = "DejaVu Sans" if "DejaVu Sans" in tk_font.families(self._root) else "TkDefaultFont"
        self._fonts: dict[tuple[int, bool], tk_font.Font] = {}
        self._pictures: dict[tuple[int, int], tkinter.PhotoImage] = {}
        self._root.bind("<Key>", self._press)
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        self._was_over = False

    def run(self) -> None:
        """Draw until the rig has ended well, or until the operator has seen that it has not."""
        self._draw()
        self._root.mainloop()

    def _press(self, event: tkinter.Event[tkinter.Misc]) -> None:
        if self._feed.is_over:
            self._root.destroy()
        else:
            self._feed.press(event.keysym)

    def _close(self) -> None:
        """Close the window where the rig has ended; before, closing it asks for the end as q does."""
        if self._feed.is_over:
            self._root.destroy()
        else:
            self._feed.press("q")

    def _draw(self) -> None:
        self._feed.look()
        if self._feed.is_over and (self._feed.is_settled or self._feed.is_replaced):
            self._root.destroy()
            return
        self._mark()
        self._root.title(f"rig: {self._feed.state.session_id}")
        size = self._canvas.winfo_width(), self._canvas.winfo_height()
        if min(size) > 1:
            self._canvas.delete("all")
            for shape in lay_out(self._feed, *size, measure=self._measure):
                self._paint(shape)
        self._root.after(_DRAW_MS, self._draw)

    def _mark(self) -> None:
        """Say that the keyboard may write into this window: its keys are the rig's. A manager's frame comes later."""
        outermost = int(self._root.wm_frame(), 16)
        if self._desktop is not None and outermost != self._marked:
            self._desktop.mark_as_ours(self._root.winfo_id())
            self._marked = outermost

    def _font(self, px: int, *, bold: bool) -> tk_font.Font:
        key = (px, bold)
        if key not in self._fonts:
            # Negative: pixels, whatever resolution the screen says it has.
            weight: Literal["bold", "normal"] = "bold" if bold else "normal"
            self._fonts[key] = tk_font.Font(self._root, family=self._family, size=-px, weight=weight)
        return self._fonts[key]

    def _measure(self, text: str, px: int, bold: bool) -> int:
        return self._font(px, bold=bold).measure(text)

    def _paint(self, shape: Drawn) -> None:
        match shape:
            case Label(text, x, y, px, colour, bold):
                self._canvas.create_text(x, y, text=text, anchor="nw", fill=colour, font=self._font(px, bold=bold))
            case Box(x, y, width, height, fill, outline):
                self._canvas.create_rectangle(x, y, x + width, y + height, fill=fill, outline=outline or fill)
            case Oval(x, y, radius, fill, outline):
                self._canvas.create_oval(x - radius, y - radius, x + radius, y + radius, fill=fill, outline=outline)
            case Polyline(points, colour):
                self._canvas.create_line(*[value for point in points for value in point], fill=colour, width=2)
            case Thumb(index, x, y, side):
                picture = self._picture(index, side)
                if picture is not None:
                    self._canvas.create_image(x, y, image=picture, anchor="nw")

    def _picture(self, index: int, side: int) -> tkinter.PhotoImage | None:
        key = (index, side)
        if key not in self._pictures:
            pixels = self._feed.thumbnails.pixels(index, side)
            if pixels is None:
                return None
            if len(self._pictures) >= 64:
                self._pictures.clear()
            data = f"P6 {side} {side} 255 ".encode() + pixels.tobytes()
            self._pictures[key] = tkinter.PhotoImage(master=self._root, data=data, format="ppm")
        return self._pictures[key]


def _place_of(desktop: Desktop | None, number: int) -> Rectangle:
    """Return where a screen lies on the desktop, which alone Tk knows; counted as the animal's is."""
    if desktop is None:
        return Rectangle(0, 0, 1024, 640)
    screens = desktop.screens()
    if number >= len(screens):
        raise SessionError(
            f"operator window: expected screen {number}, found {len(screens)} screens. "
            "Connect it, or correct operator_screen in rig.yaml."
        )
    return screens[number].place


def draw_window(feed: Feed, screen: int) -> None:
    """Open the operator's window and draw until the rig has ended.

    Parameters
    ----------
    feed
        What is known.
    screen
        Number of the operator's screen.
    """
    OperatorWindow(feed, screen).run()
