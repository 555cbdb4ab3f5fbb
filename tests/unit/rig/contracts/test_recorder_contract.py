"""What every recorder keeps, the fakes, the one by hand and Blackrock's; and what becomes of each in trouble."""

from __future__ import annotations

import re
import sys

import pytest

from closedloop.errors import DeviceError, SessionError
from closedloop.plain_text.installing import install_command
from rig.ports.recorders.blackrock import BlackrockRecorder
from rig.ports.recorders.by_hand import HandRecorder
from rig.ports.recorders.port import AskedRecorder, NoRecorder, SimulatedRecorder, Take
from rig.ports.timed import Timed
from rig.ports.wired import Wired
from tests.equipment.fake_pycbsdk import Central

SESSION = "apples-day-03"
TAKE = Take(SESSION, "apples-day-03_launch-1_part-1", 0, 1)
NEXT = Take(SESSION, "apples-day-03_launch-1_part-2", 0, 2)


class Person:
    """Who starts the recorder by hand when asked: Central with other hands."""

    def __init__(self, central):
        self.central = central

    def begin(self, take):
        self.central.order("open dialog")
        self.central.pass_time(1.0)
        self.central.order("start", take.file, take.session_id)

    def end(self):
        self.central.order("stop")


@pytest.fixture
def central(tmp_path, monkeypatch):
    central = Central(tmp_path)
    monkeypatch.setitem(sys.modules, "pycbsdk", central.module())
    return central


def blackrock(central, *, folder=True, device="NSP"):
    return BlackrockRecorder(device, central.folder if folder else None, now_s=central.now_s, nap=central.pass_time)


def by_hand(central):
    return HandRecorder(central.folder, now_s=central.now_s)


RECORDERS = {
    "none": lambda central: NoRecorder(),
    "simulated": lambda central: SimulatedRecorder(),
    "by hand": by_hand,
    "by hand, unseen": lambda central: HandRecorder(now_s=central.now_s),
    "blackrock": blackrock,
    "blackrock, unseen": lambda central: blackrock(central, folder=False),
}


def begin(recorder, central, take=TAKE):
    if isinstance(recorder, AskedRecorder):
        assert take.file in recorder.question(take)
        Person(central).begin(take)
    return recorder.start(take, central.pass_time)


def end(recorder, central):
    if isinstance(recorder, AskedRecorder):
        Person(central).end()
    return recorder.stop(central.pass_time)


@pytest.mark.parametrize("kind", RECORDERS)
class TestEveryRecorder:
    def test_has_a_name(self, kind, central):
        assert RECORDERS[kind](central).name in ("none", "simulated", "by_hand", "blackrock")

    def test_knows_what_it_records_from_start_to_stop(self, kind, central):
        recorder = RECORDERS[kind](central)
        assert recorder.take is None
        begin(recorder, central)
        assert recorder.take == (TAKE if recorder.is_told else None)
        recorder.look()
        end(recorder, central)
        assert recorder.take is None
        recorder.close()

    def test_claims_to_have_seen_a_file_only_where_it_sees_the_folder(self, kind, central):
        seen = begin(RECORDERS[kind](central), central)
        expected = {"by hand": "file", "by hand, unseen": "operator", "blackrock": "packets_and_file"}
        assert seen.by == expected.get(kind, "packets" if kind == "blackrock, unseen" else "nobody")
        assert bool(seen.doubt) == (kind == "blackrock, unseen")

    def test_records_into_another_file_the_next_time(self, kind, central):
        recorder = RECORDERS[kind](central)
        begin(recorder, central)
        central.pass_time()
        end(recorder, central)
        begin(recorder, central, NEXT)
        assert recorder.take == (NEXT if recorder.is_told else None)
        if "blackrock" in kind or "hand" in kind:
            central.pass_time()
            assert sorted(path.name for path in central.folder.iterdir()) == [
                f"{TAKE.file}001.nev",
                f"{NEXT.file}001.nev",
            ]
        recorder.close()

    def test_refuses_a_comment_that_central_would_cut(self, kind, central):
        recorder = RECORDERS[kind](central)
        if not recorder.hears_comments:
            recorder.comment("x" * 128)
            return
        recorder.comment("code 200")
        recorder.comment("ä" * 63)  # 126 bytes
        with pytest.raises(SessionError, match=r"expected at most 127 bytes, found 128. Shorten"):
            recorder.comment("ä" * 64)

    def test_lets_go_of_what_it_still_records(self, kind, central):
        recorder = RECORDERS[kind](central)
        begin(recorder, central)
        recorder.close()
        assert central.open_sessions == 0
        assert "hand" in kind or central.recording == ""


@pytest.mark.parametrize("open_one", [by_hand, blackrock])
class TestEveryRecorderWhoseFilesAreSeen:
    def test_stalled_at_the_start(self, open_one, central):
        recorder = open_one(central)
        central.records = False
        with pytest.raises(DeviceError, match=r"expected .* to grow in .*, found none .*Start"):
            begin(recorder, central)
        assert recorder.take is None
        central.records = True
        begin(recorder, central, NEXT)
        assert recorder.take == NEXT

    def test_stalled_in_a_session_is_told_once(self, open_one, central):
        recorder = open_one(central)
        begin(recorder, central)
        central.order("stop")  # somebody else's doing
        with pytest.raises(DeviceError, match=r"expected .* to grow in .*, found .* for 3\d s.*then continue"):
            look_for(recorder, central, 60.0)
        assert recorder.take is None
        look_for(recorder, central, 60.0)

    def test_goes_on_as_long_as_its_file_grows(self, open_one, central):
        recorder = open_one(central)
        begin(recorder, central)
        look_for(recorder, central, 120.0)
        assert recorder.take == TAKE

    def test_slow(self, open_one, central):
        central.begins_after_s = 6.0
        recorder = open_one(central)
        assert "grows" in begin(recorder, central).words

    def test_a_file_that_only_lies_there_is_none_that_grows(self, open_one, central):
        recorder = open_one(central)
        central.records = False
        (central.folder / f"{TAKE.file}001.nev").write_bytes(b"of last week")
        with pytest.raises(DeviceError, match="found none"):
            begin(recorder, central)

    def test_a_file_that_appears_and_stays_as_it_is_is_none_that_grows(self, open_one, central):
        recorder = open_one(central)
        central.records = False
        if isinstance(recorder, AskedRecorder):
            recorder.question(TAKE)

        def idle():
            central.pass_time()
            (central.folder / f"{TAKE.file}001.nev").write_bytes(b"copied")

        with pytest.raises(DeviceError, match="found none"):
            recorder.start(TAKE, idle)


def look_for(recorder, central, seconds):
    until_s = central.now_s() + seconds
    while central.now_s() < until_s:
        central.pass_time(1.0)
        recorder.look()


def flip_for(recorder, central, seconds):
    until_s = central.now_s() + seconds
    while central.now_s() < until_s:
        central.pass_time(1 / 60)
        recorder.check()


class TestBlackrockOnItsNetwork:
    def test_is_looked_at_after_each_flip_and_has_a_clock(self, central):
        recorder = blackrock(central)
        assert isinstance(recorder, Wired)
        assert isinstance(recorder, Timed)

    def test_normal(self, central):
        recorder = blackrock(central)
        begin(recorder, central)
        assert [order for order in central.orders if order != ("probe",)] == [
            ("open dialog",),
            ("start", TAKE.file, SESSION),
            ("comment", SESSION),
        ]
        assert central.comments == [SESSION, SESSION]
        recorder.check()
        assert recorder.stop(central.pass_time).by == "file"
        assert central.orders[-1] == ("stop",)

    def test_garbled(self, central):
        recorder = blackrock(central)
        begin(recorder, central)
        central.n_garbled += 3
        with pytest.raises(DeviceError, match=r"expected whole packets from NSP, found 3 .*network cable"):
            recorder.check()
        recorder.check()  # told once
        assert recorder.take == TAKE  # Central is beside the device and has them whole

    def test_unplugged_is_noticed_in_half_a_second_and_told_once(self, central):
        recorder = blackrock(central)
        begin(recorder, central)
        central.is_plugged = False
        lost_s = central.now_s()
        with pytest.raises(DeviceError, match=r"expected packets from NSP, found none for 0.5 s.*then continue"):
            flip_for(recorder, central, 60.0)
        assert 0.5 <= central.now_s() - lost_s < 0.6
        recorder.check()
        assert recorder.take is None
        with pytest.raises(DeviceError, match="expected NSP to answer, found: Failed to create session"):
            recorder.mend()
        with pytest.raises(DeviceError, match="to answer"):
            recorder.mend()

    def test_absent(self, central):
        central.is_plugged = False
        with pytest.raises(DeviceError, match=r"recorder: expected NSP to answer.*its power, its cable and Central"):
            blackrock(central)

    def test_there_and_silent(self, central):
        recorder = blackrock(central)
        central.is_plugged = False
        with pytest.raises(DeviceError, match=r"expected packets from NSP, found none in 2 s.*on its network"):
            recorder.start(TAKE, central.pass_time)

    def test_reconnected_records_into_a_new_file_only(self, central):
        recorder = blackrock(central)
        begin(recorder, central)
        recorder.mend()  # nothing failed: nothing is done
        assert recorder.take == TAKE
        recorder.check()
        central.is_plugged = False
        central.pass_time(3.0)
        with pytest.raises(DeviceError):
            recorder.check()
        central.is_plugged = True
        recorder.mend()
        assert (recorder.take, central.recording) == (None, "")  # what Central still wrote has ended
        assert central.open_sessions == 1
        recorder.check()
        assert begin(recorder, central, NEXT).by == "packets_and_file"
        assert central.recording == f"{NEXT.file}001.nev"

    @pytest.mark.parametrize(
        ("device", "ident", "is_it"),
        [
            ("HUB1", "Gemini Hub 1", True),
            ("HUB1", "Gemini Hub 2", False),
            ("NSP", "Gemini Hub 1", False),
            ("HUB2", "Gemini NSP", False),
            ("NSP", "Gemini NSP", True),
            ("LEGACY_NSP", "", True),
            ("NPLAY", "nPlay", True),
        ],
    )
    def test_wrong_device(self, device, ident, is_it, central):
        central.ident = ident
        if is_it:
            blackrock(central, device=device).close()
            return
        with pytest.raises(DeviceError, match=rf"expected {device}, found a device that calls itself '{ident}'"):
            blackrock(central, device=device)
        assert central.open_sessions == 0

    def test_another_name_than_asked_for_grows(self, central):
        recorder = blackrock(central)
        central.records = False
        other = central.folder / "somebody-else.nev"
        other.write_bytes(b"1")

        def idle():
            central.pass_time()
            with other.open("ab") as file:
                file.write(b"1")

        with pytest.raises(DeviceError, match=r"to grow in .*, found somebody-else.nev that does"):
            recorder.start(TAKE, idle)
        assert central.orders[-1] == ("stop",)

    def test_that_does_not_stop(self, central):
        recorder = blackrock(central)
        begin(recorder, central)
        central.ends = False
        with pytest.raises(DeviceError, match=r"to have ended, found that it still grows after 15 s. Stop it in"):
            recorder.stop(central.pass_time)

    def test_without_its_library(self, central):
        central.has_library = False
        with pytest.raises(
            DeviceError, match=r"library to load, found: .*GLIBC_2.38.*glibc 2.39.*kind to by_hand"
        ) as told:
            blackrock(central)
        assert "\n" not in str(told.value)

    def test_without_the_package(self, central, monkeypatch):
        monkeypatch.setitem(sys.modules, "pycbsdk", None)
        with pytest.raises(DeviceError, match=rf"expected pycbsdk .*{re.escape(install_command('blackrock'))}"):
            blackrock(central)

    def test_its_clock_is_read_once_a_probe_has_come_back(self, central):
        recorder = blackrock(central)
        assert recorder.clock() is None
        central.pass_time(0.0)
        assert recorder.clock() is None
        central.pass_time(0.01)
        first = recorder.clock()
        central.pass_time(1000.0)
        second = recorder.clock()
        assert (first.device, first.uncertainty_s) == ("recorder (NSP)", pytest.approx(200e-6))
        assert first.rig_s == pytest.approx(100.01, abs=1e-6)
        gained = (second.device_s - first.device_s) - (second.rig_s - first.rig_s)
        assert gained == pytest.approx(25e-3, abs=1e-6)  # 25 ppm of 1,000 s


class TestByHand:
    def test_a_file_of_another_name_is_taken_and_told_of(self, central):
        recorder = by_hand(central)
        recorder.question(TAKE)
        Person(central).begin(Take(SESSION, "monday", 0, 1))
        seen = recorder.start(TAKE, central.pass_time)
        assert (seen.by, seen.file) == ("file", "monday001")
        assert "expected the file name apples-day-03_launch-1_part-1, found that monday001.nev grows" in seen.doubt

    def test_reminds_at_the_end(self, central):
        recorder = by_hand(central)
        begin(recorder, central)
        assert recorder.stop(central.pass_time).doubt == f"recorder: stop the recorder now ({TAKE.file})."

    def test_asks_for_another_file_at_a_split(self, central):
        recorder = by_hand(central)
        assert "start the recorder with the file name" in recorder.question(TAKE)
        assert "stop the recorder, and start it anew with the file name" in recorder.question(NEXT)
