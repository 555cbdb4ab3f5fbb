"""EyeLink: what it is told, which eye is read, its clock, its file; and its maker's own library, without a tracker."""

from __future__ import annotations

import math

import pytest

from closedloop.errors import DeviceError
from closedloop.terminal.streams import kept_still
from rig.operator.watched import EyeTrace, WatchedGaze
from rig.ports.gaze import NoGaze
from rig.ports.trackers.edf import edf_name
from rig.ports.trackers.eyelink import EyeLinkGaze, EyeLinkSettings
from rig.ports.trackers.pylink_dial import EyeLinkLink
from tests.equipment import replayed_eyelink
from tests.equipment.replayed_eyelink import TrackerComputer, read_recording, recordings
from tests.unit.rig.contracts.test_gaze_contract import FILES, EyeLinkBench, until

pytestmark = pytest.mark.slow

BINOCULAR, MONOCULAR = "test_raw_binocular", "test_raw"
OF_LINK = [name for name in vars(EyeLinkLink) if not name.startswith("_")]


def raw(x, y):
    return x, y


def open_raw(bench, **settings):
    """Open a tracker whose degrees are the file's pixels."""
    said = EyeLinkSettings("100.1.1.1", "study/day-00", width_px=1920, height_px=1080, **settings)
    return EyeLinkGaze(said, to_degrees=raw, now_s=bench.now_s, dialled=bench.computer.dial, pause=bench.wait)


class TestItsMakersLibrary:
    def test_has_every_name_that_is_used_of_it(self):
        with kept_still():
            import pylink
        assert OF_LINK
        assert [name for name in OF_LINK if not hasattr(pylink.EyeLink, name)] == []
        for name in ("getTime", "getLeftEye", "getRightEye"):
            assert hasattr(pylink.tracker.Sample, name)
        for name in ("getGaze", "getHREF"):
            assert hasattr(pylink.tracker.SampleData, name)
        assert replayed_eyelink.MISSING == pylink.MISSING_DATA

    def test_the_fake_has_the_same_names(self):
        assert [name for name in OF_LINK if not hasattr(replayed_eyelink.ReplayedEyeLink, name)] == []

    def test_answers_ok_to_everything_without_a_tracker_and_is_refused(self, tmp_path):
        def dummy(_address):
            with kept_still():
                import pylink

                return pylink.EyeLink(None)

        bench = EyeLinkBench()
        settings = EyeLinkSettings("100.1.1.1", "study/day-00", 1920, 1080, folder=tmp_path)
        with pytest.raises(DeviceError, match=r"expected samples that advance, found none in 2 s, though it said"):
            EyeLinkGaze(settings, to_degrees=raw, now_s=bench.now_s, dialled=dummy, pause=bench.wait)

    def test_an_absent_tracker_fails_in_a_line_and_prints_nothing(self, capfd):
        bench = EyeLinkBench()
        settings = EyeLinkSettings("127.0.0.1", "study/day-00", 1920, 1080)
        capfd.readouterr()  # what reading the file printed
        with pytest.raises(
            DeviceError, match=r"eyelink at 127.0.0.1: expected a tracker to answer, found: Could not con"
        ):
            EyeLinkGaze(settings, to_degrees=raw, now_s=bench.now_s, pause=bench.wait)
        assert capfd.readouterr() == ("", "")


class TestWhatItIsTold:
    def test_it_records_into_a_file_of_its_own_and_sends_its_samples(self, tmp_path):
        bench = EyeLinkBench()
        bench.open(folder=tmp_path)
        told = bench.computer.told
        assert told[:2] == ["offline", "screen_pixel_coords = 0 0 1919 1079"]
        assert told[-1] == "record 1 1 1 0"
        (name,) = bench.computer.disk
        assert told.index(f"open {name}") < told.index("closedloop session study/day-00")

    def test_a_check_writes_no_file(self):
        bench = EyeLinkBench()
        tracker = bench.open()
        tracker.start_trial(0, bench.now_s())
        tracker.note_code(3)
        tracker.close()
        assert bench.computer.disk == set()
        assert "record 0 0 1 0" in bench.computer.told
        assert not any(text.startswith(("closedloop", "receive")) for text in bench.computer.told)

    def test_trials_and_codes_are_messages_in_its_file_when_they_are_sent(self, tmp_path):
        bench = EyeLinkBench()
        tracker = bench.open(folder=tmp_path)
        sent_ms = []
        for number in range(3):
            bench.wait(0.1)
            sent_ms.append(bench.computer.clock_ms())
            tracker.start_trial(number, bench.now_s())
            tracker.note_code(17 + number)
        ours = [(time_ms, text) for time_ms, text in bench.computer.messages if text.startswith("closedloop ")][1:]
        assert [text for _, text in ours] == [
            f"closedloop {w}" for n in range(3) for w in (f"trial {n}", f"code {17 + n}")
        ]
        assert [time_ms for time_ms, _ in ours[::2]] == pytest.approx(sent_ms, abs=0.5)

    @pytest.mark.parametrize(
        ("fault", "line"),
        [
            ("busy", "expected it to record, found code 27"),
            ("full", "found code -1. See that its disk has room"),
            ("frozen", "expected samples that advance, found the same one again and again"),
        ],
    )
    def test_what_does_not_record_is_refused(self, fault, line, tmp_path):
        bench = EyeLinkBench()
        bench.suffer(fault)
        with pytest.raises(DeviceError, match=line):
            bench.open(folder=tmp_path)

    def test_who_stops_the_recording_at_its_computer_is_told(self):
        bench = EyeLinkBench()
        tracker = bench.open()
        bench.suffer("stopped")
        bench.suffer("stalled")
        bench.wait(0.2)
        with pytest.raises(DeviceError, match="expected it to record, found that it stopped"):
            tracker.check()


def read_for(tracker, bench, n_frames):
    """Return what a tracker brought within some frames: pixels, or None."""
    found = []
    for _ in range(n_frames):
        bench.wait(1 / 60)
        found += [sample.point for sample in tracker.samples(bench.now_s())]
    return [None if point is None else (point.x_deg, point.y_deg) for point in found]


def follows(points, recording, eye):
    """Return whether points are those of a file's eye, one by one, from somewhere in its first second on."""
    wanted = [recording.point(n, eye) for n in range(1000 + len(points))]
    return any(wanted[n : n + len(points)] == points for n in range(1000))


class TestItIsDialledAgain:
    def test_where_it_is_silent_though_its_link_is_open_and_not_where_all_is_well(self):
        bench = EyeLinkBench()
        tracker = bench.open()
        tracker.mend()
        assert bench.computer.told.count("offline") == 1
        bench.stall()
        bench.wait(1.5)
        bench.recover()
        tracker.mend()
        assert bench.computer.told.count("offline") == 2

    def test_through_the_operators_desk_which_passes_on_all_that_it_is_asked(self, tmp_path):
        bench = EyeLinkBench()
        tracker = bench.open(folder=tmp_path)
        watched = WatchedGaze(tracker, EyeTrace())
        watched.start_trial(3, bench.now_s())
        watched.note_code(7)
        assert bench.computer.told[-2:] == ["closedloop trial 3", "closedloop code 7"]
        assert (watched.silent_after_s, watched.name) == (tracker.silent_after_s, "eyelink")
        assert watched.status().name == "EYELINK CL 4.56"
        assert watched.clock().device == "eyelink"
        bench.suffer("unplugged")
        bench.wait(0.2)
        with pytest.raises(DeviceError, match="found it closed"):
            watched.check()
        bench.recover()
        bench.wait_for_another_second()
        watched.mend()
        bench.wait(0.1)
        assert watched.samples(bench.now_s())

    def test_what_is_no_tracker_has_nothing_to_pass_on(self):
        watched = WatchedGaze(NoGaze(), EyeTrace())
        watched.check()
        watched.mend()
        watched.note_code(1)
        assert (watched.clock(), watched.status(), watched.silent_after_s) == (None, None, 0.0)


class TestItsSamples:
    @pytest.mark.parametrize("stem", FILES)
    def test_are_those_of_the_file_one_by_one(self, stem):
        bench, recording = EyeLinkBench(stem), read_recording(FILES[stem])
        points = read_for(open_raw(bench), bench, n_frames=300)
        assert follows(points, recording, 0)
        assert len(points) >= 4.9 * recording.rate_hz
        assert sum(point is None for point in points) < len(points)

    @pytest.mark.parametrize(("eye", "number"), [(None, 0), ("left", 0), ("right", 1)])
    def test_are_those_of_the_eye_that_is_named_left_of_two(self, eye, number):
        bench, recording = EyeLinkBench(BINOCULAR), read_recording(FILES[BINOCULAR])
        points = read_for(open_raw(bench, eye=eye), bench, n_frames=300)
        assert follows(points, recording, number)
        assert not follows(points, recording, 1 - number)

    def test_an_eye_that_is_not_tracked_is_refused(self):
        with pytest.raises(DeviceError, match=r"expected it to track the right eye, found the left.*gaze.eye"):
            EyeLinkBench(MONOCULAR).open(eye="right")

    def test_href_is_read_where_it_is_asked_for(self):
        bench = EyeLinkBench(MONOCULAR)
        tracker = open_raw(bench, is_href=True)
        bench.wait(0.1)
        recording = read_recording(FILES[MONOCULAR])
        xs = {round(10 * float(x) - 5000, 3) for x in recording.gaze[0] if not math.isnan(x)}
        found = [sample.point for sample in tracker.samples(bench.now_s()) if sample.point is not None]
        assert found
        assert all(round(point.x_deg, 3) in xs for point in found)


class TestItsClock:
    @pytest.mark.parametrize("fast", [-1e-4, 0.0, 1e-4])
    def test_samples_are_on_the_rigs_clock_within_2_ms_for_hours(self, fast):
        bench = EyeLinkBench(fast=fast)
        tracker = bench.open()
        for _ in range(30):
            bench.stall()
            tracker.samples(bench.now_s())
            bench.wait(600.0)
            bench.recover()
            tracker.samples(bench.now_s())
            assert tracker.clock() is not None
            bench.wait(0.05)
            now_s = bench.now_s()
            newest = tracker.samples(now_s)[-1]
            # A millisecond between two samples, two on the way.
            assert now_s - newest.time_s == pytest.approx(0.0025, abs=0.002)

    def test_a_tracker_that_does_not_say_its_time_is_believed_by_when_its_samples_come(self):
        bench = EyeLinkBench()
        bench.suffer("mute-clock")
        tracker = bench.open()
        assert tracker.clock() is None
        bench.wait(0.05)
        now_s = bench.now_s()
        assert now_s - tracker.samples(now_s)[-1].time_s == pytest.approx(0.0, abs=0.003)


class TestItsFile:
    def close(self, tmp_path, *faults, n_trials=1):
        bench = EyeLinkBench()
        tracker = bench.open(folder=tmp_path)
        for trial in range(n_trials):
            tracker.start_trial(trial, bench.now_s())
        for fault in faults:
            bench.suffer(fault)
        tracker.close()
        (name,) = bench.computer.disk
        return tmp_path / name

    def test_comes_into_the_folder_whole_and_reads(self, tmp_path, capfd):
        import eyelinkio

        path = self.close(tmp_path)
        assert capfd.readouterr().err == ""
        edf = eyelinkio.read_edf(path)
        assert edf["samples"].shape[1] == read_recording(FILES["test_2_raw"]).gaze.shape[1]

    def test_of_a_launch_without_a_trial_stays_where_it_is(self, tmp_path):
        assert not self.close(tmp_path, n_trials=0).exists()

    @pytest.mark.parametrize(
        ("fault", "found"),
        [
            ("keeps-file", "none, though the tracker said that it sent it"),
            ("empty-file", "an empty one"),
            ("unplugged", "Link terminated"),
        ],
    )
    def test_that_does_not_come_is_named_and_is_on_the_trackers_disk(self, fault, found, tmp_path, capfd):
        path = self.close(tmp_path, fault)
        said = capfd.readouterr().err
        assert said == (
            f"{path}: expected the tracker's file of this launch, found {found}. It is on the disk of EyeLink's "
            f"computer as {path.name}: copy it from there.\n"
        )
        assert not path.exists()

    def test_goes_on_in_another_one_after_the_link_was_cut_and_both_come(self, tmp_path):
        bench = EyeLinkBench()
        tracker = bench.open(folder=tmp_path)
        tracker.start_trial(0, bench.now_s())
        bench.suffer("unplugged")
        bench.wait(0.2)
        with pytest.raises(DeviceError):
            until(bench, tracker.check)
        bench.recover()
        bench.wait_for_another_second()
        tracker.mend()
        tracker.close()
        assert len(bench.computer.disk) == 2
        assert {path.name for path in tmp_path.iterdir()} == bench.computer.disk


def test_names_of_files_are_eight_capitals_and_digits_and_differ_by_the_second():
    names = [edf_name(1.7e9 + second) for second in range(1000)]
    assert len(set(names)) == 1000
    assert all(len(name) == 12 and name[:8].isalnum() and name.isupper() and name.endswith(".EDF") for name in names)
    assert names == sorted(names)
    assert len(edf_name(4e9)) == 12  # in 2096


def test_there_are_three_real_files():
    assert len(recordings()) == 3
    assert {TrackerComputer(read_recording(path)).recording.eyes for path in recordings()} == {"LEFT_EYE", "BINOCULAR"}
