"""On Windows and macOS there is no X server: everything is imported without its library, and nobody watches."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
sys.modules["Xlib"] = None
import rig.apparatus, rig.check, rig.cli, rig.launch
import rig.display.desktop, rig.display.listing, rig.display.psychopy.guard, rig.display.psychopy.sync_control
assert not [name for name in sys.modules if name.startswith("rig.display.x11")]
for system in ("win32", "darwin"):
    sys.platform = system
    assert rig.display.desktop.open_desktop() is None
"""


@pytest.mark.slow
def test_the_rig_is_imported_without_the_x_server_s_library() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_where_the_desktop_cannot_be_asked_the_guard_says_nothing() -> None:
    from rig.display.psychopy.guard import WindowGuard
    from rig.display.screens import Rectangle

    guard = WindowGuard(None, None, Rectangle(0, 0, 800, 600), look_at_pixels=lambda: ("never asked",))
    guard.begin(lambda: None)
    assert guard.poll() == guard.look() == ()
    guard.bring_back()
    guard.end()
