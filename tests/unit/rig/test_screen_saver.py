"""Screen saver and the screen's sleep are off for a session and as they were afterwards, whoever was killed between.

No server here without a monitor knows DPMS: this one answers as the protocol says.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rig.display.x11.saver import inhibit_saver, restore_saver


class Server:
    """An X server's settings, and the properties of its root window."""

    def __init__(self, *, saver_s=300, sleeps=True, has_dpms=True):
        self.saver = [saver_s, 600, 1, 0]
        self.sleeps, self.waits_s, self.has_dpms = sleeps, (600, 700, 800), has_dpms
        self.properties = {}
        self.root = SimpleNamespace(
            get_full_property=lambda name, kind: self.properties.get(name),
            change_property=lambda name, kind, bits, value: self.properties.update(
                {name: SimpleNamespace(value=value)}
            ),
            delete_property=self.properties.pop,
        )

    def state(self):
        return (*self.saver, self.sleeps, *self.waits_s)

    def screen(self):
        return SimpleNamespace(root=self.root)

    def has_extension(self, name):
        return self.has_dpms and name == "DPMS"

    def intern_atom(self, name):
        return name

    def get_screen_saver(self):
        timeout, interval, prefer_blanking, allow_exposures = self.saver
        return SimpleNamespace(
            timeout=timeout, interval=interval, prefer_blanking=prefer_blanking, allow_exposures=allow_exposures
        )

    def set_screen_saver(self, timeout, interval, prefer_blank, allow_exposures):
        self.saver = [timeout, interval, prefer_blank, allow_exposures]

    def dpms_info(self):
        return SimpleNamespace(state=self.sleeps)

    def dpms_get_timeouts(self):
        standby, suspend, off = self.waits_s
        return SimpleNamespace(standby_timeout=standby, suspend_timeout=suspend, off_timeout=off)

    def dpms_set_timeouts(self, standby, suspend, off):
        self.waits_s = (standby, suspend, off)

    def dpms_enable(self):
        self.sleeps = True

    def dpms_disable(self):
        self.sleeps = False

    def force_screen_saver(self, mode):
        pass

    def sync(self):
        pass


@pytest.mark.parametrize(
    "settings",
    [{}, {"saver_s": 0}, {"sleeps": False}, {"has_dpms": False, "sleeps": False}],
    ids=["both", "sleep alone", "saver alone", "no DPMS"],
)
def test_what_would_blank_the_screen_is_off_and_then_as_it_was(settings):
    server = Server(**settings)
    before = server.state()
    assert inhibit_saver(server)
    assert (server.saver[0], server.sleeps) == (0, False)
    restore_saver(server)
    assert server.state() == before
    assert not server.properties


def test_where_nothing_is_on_nothing_is_touched():
    server = Server(saver_s=0, sleeps=False)
    before = server.state()
    assert not inhibit_saver(server)
    restore_saver(server)
    assert (server.state(), server.properties) == (before, {})


def test_a_killed_rig_s_successor_restores_what_was_before_the_first():
    server = Server()
    before = server.state()
    inhibit_saver(server)  # and is killed
    server.set_screen_saver(60, 600, 1, 0)  # a program turns the saver on meanwhile
    inhibit_saver(server)
    assert (server.saver[0], server.sleeps) == (0, False)
    restore_saver(server)
    assert server.state() == before


def test_an_operator_s_choice_after_the_session_is_left_alone():
    server = Server()
    inhibit_saver(server)
    restore_saver(server)
    server.set_screen_saver(120, 600, 1, 0)
    restore_saver(server)
    assert server.saver[0] == 120
