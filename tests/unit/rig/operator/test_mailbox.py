"""A running rig reached from another terminal: by its own account alone, whoever else asks, and however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import threading
from pathlib import Path

import pytest

from closedloop.artifacts.day.journal_rows import SessionEnded
from closedloop.errors import SessionError
from rig.operator.mailbox import Mailbox, address_of
from rig.operator.state import PanelState
from rig.operator.tell import ask_status, is_at_work, tell
from rig.session.journal import JournalWriter
from tests.unit.rig.operator.conftest import opened

STATE = PanelState(session_id="study/day-00", subject="Nelson", n_accepted=7)


class Place:
    """A session folder, its OUT, and the account's folder for sockets."""

    def __init__(self, tmp_path):
        self.session, self.out, self.sockets = tmp_path / "schedule", tmp_path / "present", tmp_path / "sockets"
        self.session.mkdir()
        self.out.mkdir()

        self.opened = []

    def open(self, out=None):
        self.opened.append(Mailbox(self.session, out or self.out, folder=self.sockets))
        return self.opened[-1]

    def close(self):
        for mailbox in self.opened:
            mailbox.close("over")

    def tell(self, name, out=None):
        return tell(self.session, out, name, folder=self.sockets)

    def status(self):
        return ask_status(self.session, None, folder=self.sockets)


class Answering:
    """A rig that does what it is asked at its next flip; `on` says how."""

    def __init__(self, mailbox, on):
        self.asked, self._mailbox, self._on = [], mailbox, on
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._flip)

    def _flip(self):
        while not self._ends.is_set():
            for command in self._mailbox.poll(STATE.to_json):
                self.asked.append((command.name, command.origin))
                self._on(command)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()


@pytest.fixture
def place(tmp_path):
    with contextlib.closing(Place(tmp_path)) as place:
        yield place


def test_what_is_asked_reaches_the_rig_and_its_answer_who_asked(place):
    with Answering(place.open(), lambda command: command.answer(f"{command.name}: done at once")) as rig:
        told = place.tell("pause")
        assert (told.outcome, told.words) == ("done", "pause: done at once")
        assert place.status() == STATE
        assert is_at_work(place.session, folder=place.sockets)
    assert rig.asked == [("pause", "terminal")]


def test_what_was_asked_of_a_rig_that_hung_is_not_done_once_nobody_waits_for_it(place):
    mailbox = place.open()
    with address_of(next(place.sockets.iterdir())) as address:
        gone, waiting = (socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2))
        for one, name in ((gone, "quit"), (waiting, "pause")):
            one.connect(address)
            one.send(json.dumps({"ask": name}).encode())
        gone.close()  # its `rig tell` has said that nobody answers
        with waiting:
            assert [command.name for command in mailbox.poll(STATE.to_json)] == ["pause"]


def test_two_who_ask_at_once_have_each_an_answer_of_their_own(place):
    both, waiting = threading.Barrier(3), []

    def answer_when_both_have_asked(command):
        waiting.append(command)
        if len(waiting) == 2:
            for one in reversed(waiting):
                one.answer(f"this is {one.name}")

    answers = {}

    def ask(name):
        both.wait()
        answers[name] = place.tell(name).words

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("pause", "reward")]
    with Answering(place.open(), answer_when_both_have_asked):
        for thread in threads:
            thread.start()
        both.wait()
        for thread in threads:
            thread.join()
    assert answers == {"pause": "this is pause", "reward": "this is reward"}


def test_who_still_waits_when_the_session_ends_is_told_so(place):
    mailbox = place.open()
    told = {}

    def ask(name):
        told[name] = place.tell(name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("quit", "skip")]
    asked = []
    for thread in threads:
        thread.start()
    while len(asked) < 2:
        asked += mailbox.poll(STATE.to_json)
    mailbox.close("the session was stopped")
    for thread in threads:
        thread.join()
    assert {name: (one.outcome, one.words) for name, one in told.items()} == {
        "quit": ("done", "the session was stopped"),
        "skip": ("ended", "the session was stopped"),
    }


def test_what_no_rig_understands_is_refused_and_harms_none(place):
    mailbox = place.open()
    with address_of(next(place.sockets.iterdir())) as address, Answering(mailbox, lambda _: None) as rig:
        for content in (b'{"ask":"dance"}', b"no json", b"[1]", b'{"ask":' + b"[" * 5000):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
                stranger.connect(address)
                stranger.send(content)
                if b"dance" in content:
                    assert json.loads(stranger.recv(1000))["outcome"] == "refused"
        assert place.status() == STATE
    assert rig.asked == []


def test_the_socket_is_its_account_s_alone_and_goes_with_a_clean_end(place):
    mailbox = place.open()
    assert stat.S_IMODE(place.sockets.stat().st_mode) == 0o700
    mailbox.close("over")
    assert list(place.sockets.iterdir()) == []


def test_a_rig_killed_at_once_leaves_a_socket_that_holds_up_nobody(place):
    pid = os.fork()
    if pid == 0:
        place.open()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(list(place.sockets.iterdir())) == 1
    with pytest.raises(SessionError, match="expected a rig at work on it, found none"):
        place.tell("pause")
    with Answering(place.open(), lambda command: command.answer("paused")):
        assert place.tell("pause").words == "paused"


def test_the_names_of_a_session_are_one_and_a_path_may_be_of_any_length(tmp_path):
    deep = Path(tmp_path, *["folder-of-a-long-name"] * 8)
    deep.mkdir(parents=True)
    place = Place(deep)
    (tmp_path / "link").symlink_to(place.session)
    with contextlib.closing(place), Answering(place.open(), lambda command: command.answer("paused")):
        assert tell(tmp_path / "link", None, "pause", folder=place.sockets).words == "paused"


def test_of_two_rigs_on_one_session_the_one_is_named_by_its_out(place):
    other = place.out.with_name("other")
    other.mkdir()
    with (
        Answering(place.open(), lambda command: command.answer("the first")),
        Answering(place.open(other), lambda command: command.answer("the other")),
    ):
        with pytest.raises(SessionError, match=r"found 2\. Name its --out"):
            place.tell("pause")
        assert place.tell("pause", other).words == "the other"


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([], "no journal in"),
        ([opened()], "ended without a word, killed or by a failure"),
        ([opened(), SessionEnded(outcome="stopped", n_remaining=30, time_s=1.0)], "stopped, 30 presentations left"),
        (
            [opened(), SessionEnded(outcome="complete", n_remaining=0, time_s=1.0)],
            r"has ended, complete, as .*journal\.jsonl says",
        ),
    ],
)
def test_where_no_rig_is_at_work_the_journal_says_what_became_of_it(place, rows, line):
    if rows:
        with JournalWriter(place.out / "journal.jsonl") as journal:
            for row in rows:
                journal.write(row)
    with pytest.raises(SessionError, match=line):
        place.tell("pause")


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"rig": "rig A", "overrides": ("gaze", "refresh")}, "--resume --rig FILE --despite gaze --despite refresh`"),
        ({"gaze": "mouse"}, "--resume --gaze mouse`"),
        ({"display": "headless", "clock": "virtual", "pacing": None}, "--resume --display headless`"),
    ],
)
def test_the_command_that_goes_on_is_that_of_the_launch_as_far_as_the_journal_knows_it(place, choices, words):
    with JournalWriter(place.out / "journal.jsonl") as journal:
        journal.write(opened(**choices))
    with pytest.raises(SessionError) as refused:
        place.tell("pause")
    assert f"present {place.session} --out {place.out} {words}" in str(refused.value)


def test_a_rehearsal_is_nothing_to_go_on_with(place):
    with JournalWriter(place.out / "journal.jsonl") as journal:
        journal.write(opened(is_rehearsal=True))
    with pytest.raises(SessionError, match=r"a rehearsal, and has ended\. Nothing goes on with one"):
        place.tell("pause")


def test_a_rig_that_is_there_and_cannot_be_reached_is_told_from_none(place):
    with JournalWriter(place.out / "journal.jsonl") as journal:
        journal.write(opened())
        with pytest.raises(SessionError, match=r"found one at work in .* that it cannot"):
            place.tell("pause")


def test_a_folder_that_others_can_reach_takes_no_socket(place):
    place.sockets.mkdir(mode=0o755)
    place.sockets.chmod(0o755)
    with pytest.raises(SessionError, match="expected a folder of this account alone"):
        place.open()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_account_is_refused_even_where_it_reaches_the_socket(place):
    mailbox = place.open()
    (path,) = place.sockets.iterdir()
    place.sockets.chmod(0o711)  # opened to others by somebody, after the rig had looked
    path.chmod(0o777)
    reading, writing = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        pid = os.fork()
        if pid == 0:
            try:  # the folders above are closed to it: it stands inside already
                os.chdir(place.sockets)
                os.setuid(65534)
                connection.connect(path.name)
                os.write(writing, b"reached")
                os.write(writing, connection.recv(1000))
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb", buffering=0) as answer:
            assert answer.read(7) == b"reached"
            assert mailbox.poll(STATE.to_json) == ()
            assert "another account" in json.loads(answer.read(1000))["words"]
        os.waitpid(pid, 0)
