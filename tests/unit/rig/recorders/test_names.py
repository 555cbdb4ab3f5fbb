"""What recordings are called, and in which order ingest takes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from closedloop.artifacts.documents import validate
from closedloop.artifacts.rig.ports import RecorderPort
from closedloop.devices.files import find_devices
from closedloop.errors import RigError
from rig.ports.recorders.names import Names, name_of

NOON = datetime(2026, 3, 2, 12, 0, 0)


def test_the_usual_name_says_session_launch_part_and_time():
    take = Names("apples-day-03", launch=1).take(2, NOON)
    assert take.file == "apples-day-03_launch-2_part-2_20260302T120000"
    assert (take.session_id, take.launch, take.part) == ("apples-day-03", 1, 2)


def test_what_no_file_on_windows_may_be_called_is_replaced():
    assert Names("study/day 03?", 0, "C:\\data\\{session}-{launch}-{part}").take(1, NOON).file == (
        "C:\\data\\study_day_03_-1-1"
    )
    assert name_of("C:\\data\\a-1-1") == name_of("/data/a-1-1") == "a-1-1"


def test_ingest_orders_a_sessions_files_as_they_were_recorded():
    names, now, made = [], NOON, []
    for launch in range(12):
        for part in range(1, 13):
            now += timedelta(minutes=20)
            made.append(Names("apples-day-03", launch).take(part, now).file)
    names = [Path(f"{file}001.nev") for file in made]
    Random(3).shuffle(names)
    (device,) = find_devices(names)  # all are of one processor, whatever numbers are in their names
    assert [one.stem.removesuffix("001") for one in device.recordings] == made


@pytest.mark.parametrize("session", ["array-day-03", "nsp-day-01", "hub2-day-12"])
def test_numbers_of_launches_are_none_of_processors(session):
    names = [Path(f"{Names(session, launch).take(1, NOON).file}.nev") for launch in (0, 1)]
    assert len(find_devices(names)) == 1


@pytest.mark.parametrize(
    "file",
    [
        *("recording", "{session}", "{launch}", "{launch}-{part}-{animal}", "{launch}-{part"),
        *("{launch}-{part:>99999999}", "{launch!r}-{part}", "{launch}-{part:{time}}"),  # as long as it says, or none
    ],
)
def test_a_pattern_by_which_two_recordings_could_have_one_name_is_refused(file):
    with pytest.raises(RigError, match=r"recorder.*expected a name with {launch} and {part}.*Start from"):
        validate(RecorderPort, {"kind": "by_hand", "file": file}, place="recorder", error=RigError)


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({"kind": "blackrock"}, "expected a device for recorder blackrock, found none"),
        ({"kind": "by_hand", "device": "NSP"}, "expected no device for recorder by_hand, found NSP"),
        ({"kind": "none", "split_minutes": 20}, "expected a recorder for split files, found none"),
    ],
)
def test_what_cannot_be_is_refused(described, says):
    with pytest.raises(RigError, match=says):
        validate(RecorderPort, described, place="recorder", error=RigError)
