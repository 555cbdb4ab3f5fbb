"""Where everything of the operator's window goes, as plain shapes, at any size: what is large is what matters first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rig.operator.state import PanelState
from rig.operator.views.feed import Feed
from rig.operator.wording import (
    SIGNS,
    TONES,
    Tone,
    counts,
    doubts_named,
    headline,
    heartbeat,
    key_words,
    mark_words,
    progress,
    time_left,
    verdict,
)

Measure = Callable[[str, int, bool], int]
"""Width in pixels of a text, at a height in pixels, bold or not."""

# Of Okabe and Ito: told apart by every kind of colour vision; beside each stands a sign or a word.
INK: dict[Tone, str] = {
    "plain": "#e8ecf0",
    "faint": "#9aa5b0",
    "good": "#56b4e9",
    "bad": "#ffffff",
    "warn": "#000000",
}
FILL: dict[Tone, str] = {"plain": "#1b232b", "faint": "#1b232b", "good": "#10374f", "bad": "#b34700", "warn": "#f0e442"}
_TRACE, _WINDOW, _RULE = "#f0e442", "#56b4e9", "#3a444e"
_LINE = 1.35  # from a line to the next, of its height


@dataclass(frozen=True)
class Label:
    """A line of text; x and y are its upper left corner, px its height."""

    text: str
    x: int
    y: int
    px: int
    colour: str
    bold: bool = False


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: int
    y: int
    width: int
    height: int
    fill: str
    outline: str = ""


@dataclass(frozen=True)
class Oval:
    """A circle around x and y; without a colour to fill it with it is a ring."""

    x: int
    y: int
    radius: int
    fill: str
    outline: str


@dataclass(frozen=True)
class Polyline:
    """A line through points."""

    points: tuple[tuple[int, int], ...]
    colour: str


@dataclass(frozen=True)
class Thumb:
    """An image of the session, small."""

    image_index: int
    x: int
    y: int
    side: int


Drawn = Label | Box | Oval | Polyline | Thumb


@dataclass(frozen=True)
class _Area:
    """A rectangle to be filled, and how text is in it."""

    x: int
    y: int
    width: int
    height: int
    px: int
    measure: Measure

    @property
    def line(self) -> int:
        return round(self.px * _LINE)


def lay_out(feed: Feed, width: int, height: int, *, measure: Measure) -> list[Drawn]:
    """Return the shapes of the window, in the order to be drawn.

    Parameters
    ----------
    feed
        What is known.
    width, height
        Of the window, pixels.
    measure
        How wide a text is.
    """
    px = max(11, min(26, width // 58, height // 36))
    whole = _Area(px, px // 2, width - 2 * px, height - px, px, measure)
    shapes, top = _head(feed, whole)
    below, bottom = _foot(feed, whole)
    room = _Area(whole.x, top, whole.width, bottom - top, px, measure)
    known = _middle(feed.state, room) if feed.state.n_planned else []
    return [*shapes, *known, *below]


def _head(feed: Feed, area: _Area) -> tuple[list[Drawn], int]:
    """Return the title, what the rig is at, progress and warnings; and where they end."""
    state, px, y = feed.state, area.px, area.y
    beat = heartbeat(feed.silence, n_messages=feed.n_messages)
    beat_width = area.measure(beat, px, False)
    shapes: list[Drawn] = [Label(beat, area.x + area.width - beat_width, y, px, INK["plain"])]
    title = _fit(f"{state.session_id}   {state.subject}", area.width - beat_width - px, area)
    shapes.append(Label(title, area.x, y, px, INK["plain"], bold=True))
    y += area.line
    if state.mark:
        shapes += _banner(mark_words(state), "warn", area, y, px=px)
        y += area.line + px // 2
    head = headline(state, feed.silence, feed.resume)
    text = feed.question or head.text
    tone: Tone = "warn" if feed.question else head.tone
    large = _shrunk(text, 2 * px, area)
    shapes += _banner(text, tone, area, y, px=large)
    y += round(large * _LINE) + px // 2
    why = _wrap(head.why, area)
    for line in why:
        shapes.append(Label(line, area.x, y, px, INK["plain"], bold=True))
        y += area.line
    y += px // 2 if why else 0
    shapes += _bar(state, area, y)
    y += px + px // 2
    done = _fit("   ".join(text for text in (progress(state), doubts_named(state)) if text), area.width, area)
    said_x = area.x + area.width - area.measure(state.said, px, True)
    has_room = area.x + area.measure(done, px, True) + px <= said_x
    if state.said and has_room:
        shapes.append(Label(state.said, said_x, y, px, INK["good"], bold=True))
    for line in [*_wrap(done, area), *_wrap(time_left(state), area)]:
        shapes.append(Label(line, area.x, y, px, INK["plain"]))
        y += area.line
    if state.said and not has_room:
        shapes.append(Label(_fit(state.said, area.width, area), area.x, y, px, INK["good"], bold=True))
        y += area.line
    for warning in state.warnings[:3]:
        shapes += _banner(f"▲ {warning}", "bad", area, y, px=px)
        y += area.line + px // 4
    return shapes, y + px // 2


def _banner(text: str, tone: Tone, area: _Area, y: int, *, px: int) -> Iterator[Drawn]:
    yield Box(area.x, y, area.width, round(px * _LINE), FILL[tone])
    fitted = _fit(text, area.width - area.px, area, px=px)
    yield Label(fitted, area.x + area.px // 2, y + px // 10, px, INK[tone], bold=True)


def _bar(state: PanelState, area: _Area, y: int) -> Iterator[Drawn]:
    share = min(1.0, state.n_accepted / max(state.n_planned, 1))
    yield Box(area.x, y, area.width, area.px, FILL["plain"], _RULE)
    if share:
        yield Box(area.x, y, max(1, round(area.width * share)), area.px, INK["good"])


def _middle(state: PanelState, area: _Area) -> list[Drawn]:
    """Return numbers, the eye and the lights: beside each other where there is room, else what fits."""
    numbers_width = min(area.width // 2, 22 * area.px)
    side = max(0, min(area.height - area.line, area.width - numbers_width - area.px, 20 * area.px))
    lights_x = area.x + numbers_width + side + 2 * area.px
    lights_width = area.x + area.width - lights_x
    beside = lights_width >= 14 * area.px
    if not beside:
        lights_height = min(len(state.lights) * area.line + area.px // 2, max(0, area.height))
        side = max(0, min(side, area.height - area.line - lights_height))
        lights = _Area(area.x, area.y + area.height - lights_height, area.width, lights_height, area.px, area.measure)
        numbers_height = area.height - lights_height
    else:
        lights = _Area(lights_x, area.y, lights_width, area.height, area.px, area.measure)
        numbers_height = area.height
    numbers = _Area(area.x, area.y, numbers_width, numbers_height, area.px, area.measure)
    eye = _Area(area.x + numbers_width + area.px, area.y, side, side + area.line, area.px, area.measure)
    return [*_numbers(state, numbers), *_eye(state, eye), *_lights(state, lights)]


def _numbers(state: PanelState, area: _Area) -> Iterator[Drawn]:
    for place, (what, number, tone) in enumerate(counts(state)):
        y = area.y + place * area.line
        if y + area.line > area.y + area.height:
            return
        column = area.width // 2
        yield Label(_fit(what, column - area.px // 2, area), area.x, y, area.px, INK["faint"])
        text = _fit(f"▲ {number}" if tone == "bad" else number, area.width - column, area)
        if tone == "bad":
            yield Box(area.x + column, y, area.measure(text, area.px, True), area.line, FILL["bad"])
        yield Label(text, area.x + column, y, area.px, INK[tone], bold=True)


def _lights(state: PanelState, area: _Area) -> Iterator[Drawn]:
    """Yield the ports, each in as many lines as it needs where all have room."""
    texts = [f"{SIGNS[light.state]} {light.name}: {light.words}" for light in state.lights]
    lines = [_wrap(text, area) for text in texts]
    if sum(map(len, lines)) * area.line > area.height:
        lines = [[_fit(text, area.width, area)] for text in texts]
    y = area.y
    for light, said in zip(state.lights, lines, strict=True):
        tone = TONES[light.state]
        for text in said:
            if y + area.line > area.y + area.height:
                return
            if tone == "bad":
                yield Box(area.x, y, area.measure(text, area.px, False), area.line, FILL["bad"])
            yield Label(text, area.x, y, area.px, INK[tone])
            y += area.line


def _eye(state: PanelState, area: _Area) -> Iterator[Drawn]:
    """Yield the field that the eye moves in: three windows wide, the fixation window and its point in the middle."""
    if area.width < 6 * area.px or not state.window_deg:
        return
    side, middle_x, middle_y = area.width, area.x + area.width // 2, area.y + area.line + area.width // 2
    scale = side / (6.0 * state.window_deg)
    lost = "" if not state.eye or state.eye[-1] is not None else ": no eye"
    label = _fit(f"eye, window {state.window_deg:g} deg{lost}", side, area)
    yield Label(label, area.x, area.y, area.px, INK["faint"])
    yield Box(area.x, area.y + area.line, side, side, FILL["plain"], _RULE)
    yield Oval(middle_x, middle_y, round(state.window_deg * scale), "", _WINDOW)
    yield Oval(middle_x, middle_y, max(2, area.px // 6), INK["plain"], INK["plain"])
    reach = side // 2 - 2

    def at(point: tuple[float, float]) -> tuple[int, int]:
        x, y = (max(-reach, min(reach, round(value * scale))) for value in point)
        return middle_x + x, middle_y - y

    for part in _unbroken(state.eye):
        if len(part) > 1:
            yield Polyline(tuple(at(point) for point in part), _TRACE)
    if state.eye and (newest := state.eye[-1]) is not None:
        yield Oval(*at(newest), max(3, area.px // 3), _TRACE, "#000000")


def _unbroken(trace: Sequence[tuple[float, float] | None]) -> Iterator[list[tuple[float, float]]]:
    """Yield the parts of a trace between the moments without an eye."""
    part: list[tuple[float, float]] = []
    for point in trace:
        if point is not None:
            part.append(point)
        elif part:
            yield part
            part = []
    if part:
        yield part


def _foot(feed: Feed, area: _Area) -> tuple[list[Drawn], int]:
    """Return the keys and, where there is room, the last images; and where they begin."""
    px = area.px
    shapes: list[Drawn] = []
    lines = _wrap("   ".join(key_words(is_over=feed.is_over)), area)
    y = area.y + area.height - len(lines) * area.line
    bottom = y
    for line in lines:
        shapes.append(Label(line, area.x, y, px, INK["faint"]))
        y += area.line
    side = min(5 * px, area.height // 8)
    shown = feed.state.last_images[-max(1, area.width // (side + px)) :]
    if area.height < 24 * px or not shown:
        return shapes, bottom - px // 2
    top = bottom - side - area.line - px // 2
    for place, image in enumerate(shown):
        x = area.x + place * (side + px)
        shapes.append(Thumb(image.image_index, x, top, side))
        words = verdict(image)
        tone: Tone = "plain" if image.reason else "good"
        shapes.append(Label(_fit(words, side + px - 2, area), x, top + side, px, INK[tone]))
    return shapes, top - px // 2


def _fit(text: str, room: int, area: _Area, *, px: int = 0) -> str:
    """Return a text, cut where it is wider than its room."""
    px = px or area.px
    if area.measure(text, px, True) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if area.measure(f"{text[:middle]}…", px, True) <= room else (low, middle - 1)
    return f"{text[:low]}…"


def _shrunk(text: str, px: int, area: _Area) -> int:
    """Return the height at which a text has room, no less than the usual one."""
    while px > area.px and area.measure(text, px, True) > area.width - area.px:
        px -= 1
    return px


def _wrap(text: str, area: _Area) -> list[str]:
    """Return a text in lines that have room."""
    lines: list[str] = []
    for word in text.split(" ") if text else []:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and area.measure(longer, area.px, True) <= area.width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_fit(line, area.width, area) for line in lines]
