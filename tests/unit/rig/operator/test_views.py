"""The window and the page at every size: nothing outside, nothing over anything else, the worst in large letters."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from rig.operator.channel import Channel, pair
from rig.operator.state import Light, PanelState, ShownImage
from rig.operator.views.feed import Feed
from rig.operator.views.layout import Box, Label, Oval, Polyline, Thumb, lay_out
from rig.operator.views.page import page_lines

SIZES = [(1920, 1080), (1280, 720), (1024, 600), (800, 600), (640, 480), (420, 600), (360, 300)]
EYE = tuple((8 * math.exp(-k / 8), 5 * math.exp(-k / 9)) if k not in (40, 41) else None for k in range(90))
WHY = "display: the window is covered by another one, which has the keyboard"
STATE = PanelState(
    session_id="a study with a long name/day-00",
    subject="Nelson",
    mark="REHEARSAL",
    doing="paused",
    trial=122,
    pause=WHY,
    n_planned=19_000,
    n_accepted=12_030,
    n_rejected=141,
    n_wrong_frames=600,
    running_s=26_300.0,
    left_s=15_200.0,
    left_lately_s=21_000.0,
    n_unconfirmed=3,
    window_deg=2.0,
    eye=EYE,
    last_images=tuple(ShownImage(k % 6, "" if k % 3 else "fixation_broken") for k in range(8)),
    lights=tuple(Light(name, "bad", WHY) for name in ("display", "gaze", "codes", "reward", "recorder")),
    warnings=("no eye for 4 s", "gamma ramp changed"),
    doubts=("clock: nothing sets the system's clock", "refresh: overridden, 3 of 600 intervals longer than a frame"),
)


def measure(text, px, bold):
    """Return a width as of a broad typeface."""
    return math.ceil(len(text) * px * (0.68 if bold else 0.6))


@pytest.fixture
def feed(make_session):
    here, there = pair()
    found = Feed(Channel(here), make_session(), "rig present SESSION --out OUT --resume")
    found.state = STATE
    yield found
    there.close()
    here.close()


def corners(shape):
    match shape:
        case Label(text, x, y, px, _, bold):
            return x, y, x + measure(text, px, bold), y + px
        case Box(x, y, width, height):
            return x, y, x + width, y + height
        case Oval(x, y, radius):
            return x - radius, y - radius, x + radius, y + radius
        case Polyline(points):
            return *map(min, zip(*points, strict=True)), *map(max, zip(*points, strict=True))
        case Thumb(_, x, y, side):
            return x, y, x + side, y + side


@pytest.mark.parametrize("size", SIZES)
def test_nothing_lies_outside_of_the_window(feed, size):
    for shape in lay_out(feed, *size, measure=measure):
        left, top, right, bottom = corners(shape)
        assert left >= 0, shape
        assert top >= 0, shape
        assert right <= size[0], shape
        assert bottom <= size[1] + 2, shape


@pytest.mark.parametrize("size", SIZES)
def test_no_text_lies_over_another(feed, size):
    texts = [shape for shape in lay_out(feed, *size, measure=measure) if isinstance(shape, Label) and shape.text]
    for number, one in enumerate(texts):
        for other in texts[number + 1 :]:
            a, b = corners(one), corners(other)
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (one, other)


@pytest.mark.parametrize("size", SIZES)
def test_a_pause_is_the_largest_word_and_its_reason_is_whole(feed, size):
    texts = [shape for shape in lay_out(feed, *size, measure=measure) if isinstance(shape, Label)]
    assert max(texts, key=lambda text: text.px).text == "PAUSED"
    assert WHY in " ".join(text.text for text in texts)
    assert min(text.px for text in texts) >= 11


def test_every_fact_is_on_a_usual_screen(feed):
    said = " ".join(shape.text for shape in lay_out(feed, 1280, 800, measure=measure) if isinstance(shape, Label))
    wanted = [
        "Nelson",
        "REHEARSAL",
        "63 %",
        "time left: 4 h 13 min",
        "4.9 %",
        "3 rewards",
        "▲ gaze",
        "no eye for 4 s",
    ]
    assert [text for text in wanted if text not in said] == []
    assert len([shape for shape in lay_out(feed, 1280, 800, measure=measure) if isinstance(shape, Thumb)]) == 8


@pytest.mark.parametrize("size", [*SIZES, (800, 575)])
def test_what_became_of_a_key_and_every_key_are_in_the_window(feed, size):
    feed.state = replace(
        STATE, said="reward: no reward", lights=(Light("display", "good", "psychopy, paced by a timer"),)
    )
    said = [shape.text for shape in lay_out(feed, *size, measure=measure) if isinstance(shape, Label)]
    assert "reward: no reward" in said
    assert all(f"[{key}]" in " ".join(said) for key in "prscq")


def test_numbers_of_a_long_day_and_why_an_image_does_not_count_are_not_cut(feed):
    feed.state = replace(STATE, n_trials=23_400, n_completed=20_300)
    for size in (1920, 1080), (1024, 768), (800, 600):
        said = [shape.text for shape in lay_out(feed, *size, measure=measure) if isinstance(shape, Label)]
        assert {"20,300 of 23,400", "✗ away"} <= {*said}


def test_before_the_rig_has_said_anything_there_are_no_numbers(feed):
    feed.state = PanelState(session_id="schedule", subject="")
    said = " ".join(shape.text for shape in lay_out(feed, 800, 600, measure=measure) if isinstance(shape, Label))
    page = " ".join(page_lines(feed, 80, 24))
    for text in said, page.replace("o p e n i n g", "opening"):
        assert "opening" in text
        assert "the screen for up to ten seconds" in text
        assert "accepted" not in text
        assert "trials done" not in text


def test_the_words_of_a_light_are_wrapped_and_not_cut(feed):
    feed.state = replace(STATE, pause="tea", lights=(Light("display", "good", "psychopy, paced by a timer"),))
    said = " ".join(shape.text for shape in lay_out(feed, 800, 600, measure=measure) if isinstance(shape, Label))
    assert "display: psychopy, paced by a timer" in said


def test_the_trace_stays_in_its_field(feed):
    shapes = lay_out(feed, 1280, 720, measure=measure)
    field = next(box for box in shapes if isinstance(box, Box) and box.width == box.height)
    traces = [corners(shape) for shape in shapes if isinstance(shape, Polyline)]
    assert len(traces) == 2  # the eye was lost between
    for left, top, right, bottom in traces:
        assert field.x <= left <= right <= field.x + field.width
        assert field.y <= top <= bottom <= field.y + field.height


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 24), (200, 60), (30, 10)])
def test_a_page_is_no_larger_than_its_terminal_and_says_the_worst(feed, size):
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in page_lines(feed, *size)]
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]
    assert any("P A U S E D" in line for line in lines)
    assert WHY in " ".join(" ".join(lines).split())


def test_a_page_of_a_usual_terminal_has_every_number(feed):
    said = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", line) for line in page_lines(feed, 100, 40))
    assert all(text in said for text in ("REHEARSAL", "63 %", "4 h 13 min", "▲ reward", "✗ away", "[q] quit"))


def test_a_page_of_80_by_24_has_the_numbers_the_lights_the_whole_eye_and_the_answer(feed):
    lights = tuple(Light(name, "good", "psychopy, paced by a timer") for name in "abcde")
    feed.state = replace(STATE, pause="tea", warnings=(), n_unconfirmed=0, lights=lights, said="reward 80 ms: given")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in page_lines(feed, 80, 24)]
    said = "\n".join(lines)
    assert all(text in said for text in ("running", "reward 80 ms: given", "● e  psychopy, paced by a timer", "[p]"))
    assert [line[-1] for line in lines if "│" in line] == ["│"] * 9
    assert any(line.endswith("┘") for line in lines[-3:])


def test_what_the_checks_left_to_judge_is_named_and_for_the_first_minute_told(feed):
    def said():
        return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", line) for line in page_lines(feed, 100, 40))

    assert "to judge: clock, refresh" in said()
    assert STATE.doubts[1] not in said()
    feed.state = replace(STATE, running_s=59.0)
    assert all(f"? {doubt}" in said() for doubt in STATE.doubts)
    drawn = [shape.text for shape in lay_out(feed, 1280, 720, measure=measure) if isinstance(shape, Label)]
    assert any(text.endswith("to judge: clock, refresh") for text in drawn)


def test_what_a_name_has_in_it_does_not_reach_the_terminal(feed):
    feed.state = replace(STATE, subject="\x1b[2Jgone")
    assert "\x1b[2J" not in "".join(page_lines(feed, 80, 24))
