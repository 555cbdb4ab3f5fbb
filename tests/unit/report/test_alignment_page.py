"""The page of an alignment says everything that was found, complete, in one file."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from closedloop.alignment.alignment import align_devices
from closedloop.alignment.run_search import AlignmentRules
from closedloop.recording.codes import SentCodes
from closedloop.report.alignment.figures import DeviceRecord, recorded_minutes, session_minutes
from closedloop.report.alignment.page import alignment_page
from tests.unit.alignment.sessions import Device, Seen, World, make_world, observe

DEVICES = {
    "NSP1": Device(photodiode=True, ppm=50.0, edges_lost=0.02, pauses_s=((60.0, 75.0),)),
    "NSP2": Device(t0_s=777.0, ppm=-80.0, resets_s=(100.0,), restart_s=2.0),
}


class _Text(HTMLParser):
    """Cells of tables, targets of what could be loaded, and all words."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.targets: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if name in ("src", "href") and value]
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.words += data
        if self.lasttag in ("td", "th") and self.cells:
            self.cells[-1] += data.strip()


@pytest.fixture(scope="module")
def records() -> tuple[World, dict[str, Seen], list[DeviceRecord]]:
    world = make_world(700, seed=1, restarts=1)
    seen = {name: observe(world, device, seed=k) for k, (name, device) in enumerate(DEVICES.items())}
    found = align_devices(
        world.sent,
        {name: own.received for name, own in seen.items()},
        edges={"NSP1": seen["NSP1"].edges},
        segments={name: own.segments for name, own in seen.items()},
        rules=AlignmentRules(frame_ms=1000 / 60),
    )
    repairs = {"NSP1": ("a.ns6: the last block was cut.",), "NSP2": ()}
    return (
        world,
        seen,
        [DeviceRecord(name, found[name], 30_000.0, seen[name].segments, repairs[name]) for name in seen],
    )


@pytest.fixture(scope="module")
def page(records: tuple[World, dict[str, Seen], list[DeviceRecord]]) -> _Text:
    world, _, devices = records
    text = _Text()
    html = alignment_page(
        devices, world.sent, session_id="<b>day", simulated=True, files=["a.nev", "a.ns6"], command="closedloop x"
    )
    text.feed(html.decode())
    return text


def test_every_unmatched_code_and_every_set_aside_presentation_is_listed(
    page: _Text, records: tuple[World, dict[str, Seen], list[DeviceRecord]]
) -> None:
    for device in records[2]:
        quality = device.alignment.quality
        assert len(quality.unmatched) > 5
        times = {f"{one.time_s:.4f} s" for one in (*quality.unmatched, *quality.set_aside)}
        assert times <= set(page.cells)
    n_listed = sum(page.cells.count(fate) for fate in ("lost", "unplaced", "doubled", "foreign"))
    assert n_listed == sum(len(device.alignment.quality.unmatched) for device in records[2])
    n_reasons = page.cells.count("the recorder was not recording")
    assert n_reasons == sum(device.alignment.quality.n_set_aside for device in records[2]) > 0


def test_the_clocks_of_every_run_stand_in_the_tables(
    page: _Text, records: tuple[World, dict[str, Seen], list[DeviceRecord]]
) -> None:
    places = [
        f"rig launch {run.launch}, clock segment {run.clock_segment}"
        for d in records[2]
        for run in d.alignment.quality.runs
    ]
    assert len(places) == 5
    assert [cell for cell in page.cells if cell.startswith("rig launch")] == places
    drifts = [float(cell[:-4].replace("−", "-")) for cell in page.cells if cell.endswith(" ppm")]
    assert drifts == pytest.approx([50.0, 50.0, -80.0, -80.0, -80.0], abs=1.0)


def test_repairs_are_said_first_and_the_page_loads_nothing(page: _Text) -> None:
    assert "NSP1: a.ns6: the last block was cut." in page.words
    assert "SIMULATED" in page.words
    assert "<b>day" in page.words
    assert all(target.startswith("data:image/") for target in page.targets)
    assert len(page.targets) == 1 + 2 * 2


def test_the_strip_shows_the_pause_where_it_was(records: tuple[World, dict[str, Seen], list[DeviceRecord]]) -> None:
    world, _, devices = records
    minutes = session_minutes(world.sent)
    run = devices[0].alignment.quality.runs[0]
    (_, pause_starts), (pause_ends, _) = recorded_minutes(devices[0], run, world.sent, minutes)
    first_s = world.world_s[0]
    assert pause_starts == pytest.approx((60.0 - first_s) / 60, abs=1e-4)
    assert pause_ends == pytest.approx((75.0 - first_s) / 60, abs=1e-4)


def test_launches_of_a_restarted_clock_follow_one_another_and_those_of_a_running_one_stay() -> None:
    code = np.arange(1, 7)
    anew = SentCodes(code, np.array([5.0, 6.0, 7.0, 0.0, 1.0, 2.0]), np.repeat([0, 1], 3))
    assert (session_minutes(anew) * 60).tolist() == pytest.approx([0.0, 1.0, 2.0, 32.0, 33.0, 34.0])
    on = SentCodes(code, np.array([5.0, 6.0, 7.0, 90.0, 91.0, 92.0]), np.repeat([0, 1], 3))
    assert (session_minutes(on) * 60).tolist() == pytest.approx([0.0, 1.0, 2.0, 85.0, 86.0, 87.0])
