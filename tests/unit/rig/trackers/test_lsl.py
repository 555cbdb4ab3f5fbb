"""LSL streams: which one, which channels, in what unit, on whose clock; and who can reach the rig by them: nobody."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager

import psutil
import pytest

from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.rig.template import EXAMPLE
from closedloop.errors import DeviceError, SessionError
from rig.ports.clock import RealClock
from rig.ports.trackers.lsl import LslGaze, LslSettings
from rig.ports.trackers.lsl_streams import streams_here
from rig.setup.found import of_streams
from rig.wiring.trackers import way_to_degrees
from tests.equipment.lsl_outlet import outlet

pytestmark = pytest.mark.slow


@pytest.fixture
def name():
    return f"tracker-{uuid.uuid4()}"


def open_stream(address, units=None, **settings):
    """Open a stream; what its outlet says of its unit goes into a list."""
    said = [] if units is None else units

    def to_degrees(unit):
        said.append(unit)
        return lambda x, y: (x, y)

    return LslGaze(LslSettings(address, **settings), to_degrees=to_degrees, now_s=time.monotonic)


def read_some(gaze, n=50):
    found = []
    end = time.monotonic() + 30
    while len(found) < n:
        assert time.monotonic() < end
        found += gaze.samples(RealClock().now_s())
    return found


@pytest.mark.parametrize("key", ["name", "source_id"])
def test_a_stream_is_found_by_its_name_or_by_what_else_it_says(name, key):
    with outlet(name, source_id=f"id-{name}"):
        gaze = open_stream(name if key == "name" else f"source_id=id-{name}")
        assert gaze.status().name.startswith(f"{name} on ")
        gaze.close()


def test_two_streams_of_a_name_are_told_apart_by_another_word(name):
    with (
        outlet(name, source_id="left"),
        outlet(name, source_id="right"),
        pytest.raises(DeviceError, match=r"expected one on this computer, found 2: .*Name the one you mean"),
    ):
        open_stream(name)


def test_a_stream_that_is_not_there_is_named_with_those_that_are(name):
    with outlet(name), pytest.raises(DeviceError, match=rf"lsl stream another: expected it .*, found .*{name}"):
        open_stream("another")


@pytest.mark.parametrize(
    ("labels", "units", "channels", "unit"),
    [
        ("x,y,pupil", "degrees,degrees,mm", None, "deg"),
        ("pupil,Gaze_X,Gaze_Y", "mm,pixels,pixels", None, "px"),
        ("confidence,norm_pos_x,norm_pos_y", "none,normalized,normalized", None, "normalized"),
        ("a,b,x,y", "deg,deg,px,px", ("a", "b"), "deg"),
        ("x,y", "furlongs,furlongs", None, None),
        ("x,y", "", None, None),
    ],
)
def test_channels_and_their_unit_are_known_by_their_labels(name, labels, units, channels, unit):
    said = []
    with outlet(name, labels=labels, units=units):
        gaze = open_stream(name, said, channels=channels)
        read_some(gaze)
        gaze.close()
    assert said == [unit]


def test_the_channels_that_are_named_are_read(name):
    # The outlet sends x, y and then 3 in every other channel, whatever they are called.
    with outlet(name, labels="first,second,third,fourth", units=""):
        gaze = open_stream(name, channels=("third", "fourth"))
        assert {(sample.point.x_deg, sample.point.y_deg) for sample in read_some(gaze)} == {(3.0, 3.0)}
        gaze.close()


def test_labels_that_say_nothing_are_asked_for(name):
    with outlet(name, labels="a,b", units=""):
        with pytest.raises(DeviceError, match=r"expected channels called x and y, found a, b. Set gaze.channels"):
            open_stream(name)
        with pytest.raises(DeviceError, match=r"expected a and c, found a, b"):
            open_stream(name, channels=("a", "c"))


def test_a_blink_is_no_number_and_its_samples_come(name):
    with outlet(name, eye="blinking"):
        gaze = open_stream(name)
        points = [sample.point for sample in read_some(gaze, 400)]
        assert sum(point is None for point in points) / len(points) == pytest.approx(0.2, abs=0.06)
        gaze.close()


def test_times_of_another_clock_are_refused(name):
    with (
        outlet(name, late_s=100),
        pytest.raises(DeviceError, match=r"found them \+100.0 s late. Have its program stamp"),
    ):
        open_stream(name)


def test_a_stream_that_comes_in_packets_may_keep_still_between_them(name):
    with outlet(name, packet=20):  # of 500 a second: every 40 ms
        gaze = open_stream(name)
        assert gaze.silent_after_s == pytest.approx(0.08, abs=0.03)
        gaze.close()


def reachable():
    """Return the sockets of this process that somebody elsewhere could send to."""
    return {
        (str(one.type), one.laddr.port)
        for one in psutil.Process().net_connections(kind="inet")
        if one.status in (psutil.CONN_LISTEN, psutil.CONN_NONE) and not one.laddr.ip.startswith("127.")
    }


@contextmanager
def watched_sockets():
    """Collect, in a thread, what is reachable at any moment of the block."""
    seen, is_over = set(), threading.Event()

    def watch():
        while not is_over.is_set():
            seen.update(reachable())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        is_over.set()
        watcher.join()


@pytest.mark.parametrize("reach", ["loopback", "network"])
def test_nothing_of_the_rig_is_reached_from_elsewhere_unless_its_description_says_so(name, reach):
    before = reachable()
    with outlet(name), watched_sockets() as seen:
        gaze = open_stream(name, reach=reach)
        read_some(gaze)
        assert gaze.clock().uncertainty_s < 0.05
        gaze.close()
        with pytest.raises(DeviceError):
            open_stream(f"{name}, which is not there", reach=reach)
    assert bool(seen - before) == (reach == "network")  # the control: this is how it looks where it is asked for


def test_the_streams_of_this_computer_are_listed_with_what_to_write(name):
    with outlet(name):
        found = [one for one in of_streams(streams_here()) if one.name == name]
    (device,) = found
    assert device.says == "LSL stream of type Gaze, 500 samples/s, channels x, y, pupil"
    assert device.write == f'gaze: {{source: lsl, address: "{name}"}}'


RIG = EXAMPLE.model_dump(mode="json")
"""1920 x 1080 pixels, 52 cm wide, at 86.8 cm: a pixel is .02708 cm, and 224 x 2 of them are 8 degrees."""


def rig_with(**changed):
    return RigDocument.model_validate(RIG | changed)


class TestDegrees:
    @pytest.mark.parametrize(
        ("unit", "values", "degrees"),
        [
            ("deg", (1.5, -2.0), (1.5, -2.0)),
            ("px", (959.5, 539.5), (0.0, 0.0)),
            ("px", (959.5 + 224, 539.5), (4.0, 0.0)),
            ("px", (959.5, 539.5 - 224), (0.0, 4.0)),  # upwards: fewer pixels from the upper edge
            ("normalized", (0.5, 0.5), (0.0, 0.0)),
            ("normalized", (0.5 + 224 / 1920, 0.5 + 224 / 1080), (4.0, -4.0)),
        ],
    )
    def test_come_from_what_the_values_are(self, unit, values, degrees):
        assert way_to_degrees(rig_with(), unit)(*values) == pytest.approx(degrees, abs=0.01)

    def test_come_from_the_map_of_a_calibration_where_there_is_one(self):
        gaze_map = {"x_deg": [1.0, 0.01, 0.0], "y_deg": [-1.0, 0.0, -0.02]}
        way = way_to_degrees(rig_with(calibrations={"gaze_map": gaze_map}), "px")
        assert way(100.0, 50.0) == pytest.approx((2.0, -2.0))

    @pytest.mark.parametrize("unit", [None, "href"])
    def test_are_asked_for_where_nobody_says(self, unit):
        with pytest.raises(SessionError, match=r"expected calibrations.gaze_map, or a unit.*gaze.unit in rig.yaml"):
            way_to_degrees(rig_with(), unit)
