"""A desktop with two screens and no monitor: Xorg with the dummy driver, with and without a window manager.

The operator's screen is the first, at (0, 0); the animal's the second, beside it. Xvfb has neither two screens worth
the name (both at 0, 0) nor a gamma ramp.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig.display.screens import Rectangle
from rig.display.x11.window_watch import OURS
from rig.stop import HELD_S
from tests.equipment.processes import Child, NoServerError, end, x_server

OPERATOR, SUBJECT = Rectangle(0, 0, 800, 600), Rectangle(800, 0, 800, 600)
PACKAGES = "xserver-xorg-core, xserver-xorg-video-dummy and openbox"
PATIENCE_S = 60.0

CONFIGURATION = """
Section "ServerFlags"
  Option "AutoAddDevices" "false"
  Option "AutoEnableDevices" "false"
  Option "DontVTSwitch" "true"
  Option "BlankTime" "0"
EndSection
Section "Device"
  Identifier "dummy"
  Driver "dummy"
  VideoRam 65536
  Option "Monitor-DUMMY0" "operator"
  Option "Monitor-DUMMY1" "subject"
EndSection
Section "Monitor"
  Identifier "operator"
  Option "Enable" "true"
  Option "Position" "0 0"
  Option "Primary" "true"
  Option "PreferredMode" "800x600"
EndSection
Section "Monitor"
  Identifier "subject"
  Modeline "800x600s" 38.25 800 832 912 1024 600 603 607 624 -hsync +vsync
  Option "Enable" "true"
  Option "Position" "800 0"
  Option "PreferredMode" "800x600s"
EndSection
Section "Screen"
  Identifier "screen"
  Device "dummy"
  DefaultDepth 24
  SubSection "Display"
    Depth 24
    Virtual 1600 600
  EndSubSection
EndSection
"""


def no_server(why: str) -> None:
    """Skip, or fail where everything has to be there."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{why}: install {PACKAGES}")


def lift_finger() -> None:
    """Press nothing for longer than a key that is held down takes to repeat."""
    deadline = time.monotonic() + HELD_S
    wait_until(lambda: time.monotonic() > deadline, "a finger to be lifted")


def soon(holds: Callable[[], bool]) -> bool:
    """Return whether something holds within the moment that a person waits before pressing a key again."""
    deadline = time.monotonic() + HELD_S
    wait_until(lambda: holds() or time.monotonic() > deadline, "a person to press again")
    return holds()


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Ask again until something holds; a machine may be as slow as it likes, within reason."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE_S:g} s for {what}")
        time.sleep(0.01)


def wait_for_count(count: Callable[[], int], n: int, what: str) -> None:
    """Ask until so many are counted: as long as there are more of them, a machine may be as slow as it likes."""
    most = -1
    deadline = time.monotonic() + PATIENCE_S
    while (now := count()) < n:
        if now > most:
            most = now
            deadline = time.monotonic() + PATIENCE_S
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE_S:g} s for the next of {what}; there are {now} of {n}")
        time.sleep(0.01)


@dataclass
class TwoHeads:
    """The desktop, and what an operator, a stranger and a window manager do on it, over a connection of their own."""

    environment: dict[str, str]
    connection: Any
    pictures: Path
    strangers: list[Any] = field(default_factory=list)

    @property
    def root(self) -> Any:
        """The root window: what is on the screens."""
        return self.connection.screen().root

    def pixels(self, place: Rectangle) -> np.ndarray:
        """Return what the screens show there, row x column x RGB, read by another way than the rig's."""
        from PIL import Image
        from Xlib import X

        got = self.root.get_image(place.left_px, place.top_px, place.width_px, place.height_px, X.ZPixmap, 0xFFFFFFFF)
        size = (place.width_px, place.height_px)
        return np.asarray(Image.frombytes("RGB", size, got.data, "raw", "BGRX"))

    def keep_picture(self, name: str) -> None:
        """Keep what both screens show, for a person to look at."""
        from PIL import Image

        self.pictures.mkdir(exist_ok=True)
        Image.fromarray(self.pixels(Rectangle(0, 0, 1600, 600))).save(self.pictures / f"{name}.png")

    def window_of_rig(self) -> Any:
        """Return the rig's window: the one that is shown, of those that its process has opened."""
        from Xlib import X

        (shown,) = [one for one in self.named("PsychoPy") if one.get_attributes().map_state == X.IsViewable]
        return shown

    def named(self, begin: str) -> list[Any]:
        """Return the windows whose name begins so; others come and go as they are looked at."""
        from Xlib import error

        found = []
        for window in self.all_windows():
            with contextlib.suppress(error.BadWindow):
                if (window.get_wm_name() or "").startswith(begin):
                    found.append(window)
        return found

    def owner_of(self, window: Any) -> int | None:
        """Return the process that marked a window as a rig's; a number of a window is given again once it is gone."""
        from Xlib import error

        with contextlib.suppress(error.BadWindow):
            mark = window.get_full_property(self.connection.intern_atom(OURS), 0)
            return None if mark is None else int(mark.value[0])
        return None

    def all_windows(self) -> Iterator[Any]:
        """Yield every window, those in frames too."""
        from Xlib import error

        waiting = [self.root]
        while waiting:
            with contextlib.suppress(error.BadWindow):
                inside = waiting.pop().query_tree().children
                yield from inside
                waiting += inside

    def open_stranger(self, place: Rectangle, *, bypasses_manager: bool = False, title: str = "a stranger") -> Any:
        """Open a red window of another program."""
        from Xlib import X

        window = self.root.create_window(
            place.left_px,
            place.top_px,
            place.width_px,
            place.height_px,
            0,
            self.connection.screen().root_depth,
            background_pixel=0xCC2222,
            override_redirect=bypasses_manager,
            event_mask=X.StructureNotifyMask | X.ExposureMask,
        )
        window.set_wm_name(title)
        # Without a position of the user's a window manager puts a window where it likes.
        window.set_wm_normal_hints(flags=(1 << 0) | (1 << 1), x=place.left_px, y=place.top_px)
        window.map()
        window.configure(stack_mode=X.Above)
        self.strangers.append(window)
        wait_until(lambda: window.get_attributes().map_state == X.IsViewable, "a window to appear")
        return window

    def close_strangers(self) -> None:
        """Close the windows that were opened."""
        while self.strangers:
            self.strangers.pop().destroy()
        self.connection.sync()

    def focus(self, window: Any) -> None:
        """Have the keyboard write into a window."""
        from Xlib import X

        def has_it() -> bool:
            window.set_input_focus(X.RevertToParent, X.CurrentTime)
            self.connection.sync()
            return bool(self.connection.get_input_focus().focus == window)

        wait_until(has_it, "the keyboard")

    def iconify(self, window: Any) -> None:
        """Iconify a window, as a window manager's key does; without one, unmap it."""
        from Xlib import X
        from Xlib.protocol import event

        change = self.connection.intern_atom("WM_CHANGE_STATE")
        asked = event.ClientMessage(window=window, client_type=change, data=(32, [3, 0, 0, 0, 0]))
        self.root.send_event(asked, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        if not self.has_manager():
            window.unmap()
        wait_until(lambda: window.get_attributes().map_state != X.IsViewable, "the window to go")

    def press(self, letter: str) -> None:
        """Press a key and let it go."""
        from Xlib import XK, X
        from Xlib.ext import xtest

        code = self.connection.keysym_to_keycode(XK.string_to_keysym(letter))
        for kind in (X.KeyPress, X.KeyRelease):
            xtest.fake_input(self.connection, kind, code)
        self.connection.sync()

    def has_manager(self) -> bool:
        """Return whether a window manager is at work."""
        check = self.connection.intern_atom("_NET_SUPPORTING_WM_CHECK")
        found = self.root.get_full_property(check, 0)
        if found is None:
            return False
        window = self.connection.create_resource_object("window", found.value[0])
        with contextlib.suppress(Exception):
            return window.get_full_property(check, 0) is not None
        return False

    def lit(self) -> list[int]:
        """Return what lights the screens, in RandR's order."""
        return [
            crtc
            for crtc in self.root.xrandr_get_screen_resources_current().crtcs
            if self.connection.xrandr_get_crtc_info(crtc, 0).mode
        ]

    def rectangle_of(self, crtc: int) -> Rectangle:
        """Return which part of the desktop it lights."""
        lit = self.connection.xrandr_get_crtc_info(crtc, 0)
        return Rectangle(lit.x, lit.y, lit.width, lit.height)

    def crtc_at(self, place: Rectangle) -> int:
        """Return what lights the screen there."""
        return next(crtc for crtc in self.lit() if self.rectangle_of(crtc) == place)

    def set_ramp(self, place: Rectangle, exponent: float) -> None:
        """Give a screen's RandR ramp another exponent, as `xrandr --gamma` and night lights do."""
        crtc = self.crtc_at(place)
        n = len(self.connection.xrandr_get_crtc_gamma(crtc).red)
        ramp = np.round(65535 * np.linspace(0, 1, n) ** exponent).astype(int).tolist()
        self.connection.xrandr_set_crtc_gamma(crtc, n, ramp, ramp, ramp)
        self.connection.sync()

    def ramp(self, place: Rectangle) -> np.ndarray:
        """Return a screen's RandR ramp, in [0, 1]."""
        return np.array(self.connection.xrandr_get_crtc_gamma(self.crtc_at(place)).red) / 65535

    def move_crtc(self, crtc: int, left_px: int, top_px: int) -> None:
        """Have it light another part of the desktop."""
        lit = self.connection.xrandr_get_crtc_info(crtc, 0)
        stamp = self.root.xrandr_get_screen_resources_current().config_timestamp
        self.connection.xrandr_set_crtc_config(crtc, stamp, left_px, top_px, lit.mode, lit.rotation, lit.outputs)
        self.connection.sync()

    def put_right(self) -> None:
        """Undo what was done to the desktop."""
        self.close_strangers()
        if not any(self.rectangle_of(crtc) == SUBJECT for crtc in self.lit()):
            for crtc in self.lit()[1:]:
                self.move_crtc(crtc, SUBJECT.left_px, SUBJECT.top_px)
        for place in (OPERATOR, SUBJECT):
            self.set_ramp(place, 1.0)
        self.connection.set_screen_saver(0, 600, 1, 1)
        for name in self.root.list_properties():
            if "CLOSEDLOOP" in self.connection.get_atom_name(name):
                self.root.delete_property(name)
        self.connection.sync()


@contextlib.contextmanager
def dummy_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start the server on a free number, yield its DISPLAY and its process, and end it."""
    if shutil.which("Xorg") is None:
        no_server("no Xorg")
    (folder / "xorg.conf").write_text(CONFIGURATION)
    command = ["Xorg", "-config", str(folder / "xorg.conf"), "-logfile", str(folder / "xorg.log")]
    command += ["-noreset", "-nolisten", "tcp", "-ac", "-novtswitch", "-sharevts"]
    try:
        with x_server(command) as started:
            yield started
    except NoServerError as error:
        no_server(f"{error} (its log: {folder / 'xorg.log'})")


@contextlib.contextmanager
def two_heads_server(folder: Path, environment: dict[str, str]) -> Iterator[TwoHeads]:
    """Start the server, and connect to it."""
    from Xlib.display import Display

    with dummy_server(folder) as (name, _):
        connection = Display(name)
        yield TwoHeads(environment | {"DISPLAY": name}, connection, folder / "pictures")
        connection.close()


@contextlib.contextmanager
def window_manager(desktop: TwoHeads) -> Iterator[None]:
    """Have a window manager at work."""
    if shutil.which("openbox") is None:
        no_server("no openbox")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with Child(["openbox", "--sm-disable"], env=desktop.environment, **quiet) as manager:
        wait_until(desktop.has_manager, "the window manager")
        yield
        end(manager)
    wait_until(lambda: not desktop.has_manager(), "the window manager to go")
