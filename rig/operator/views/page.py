"""The operator's page in a terminal, where there is one screen: drawn anew a few times a second, keys at once."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import textwrap
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np

from closedloop.errors import visible
from rig.operator.state import PanelState
from rig.operator.views.feed import Feed
from rig.operator.wording import (
    SIGNS,
    TONES,
    Tone,
    counts,
    doubts_named,
    doubts_told,
    headline,
    heartbeat,
    key_words,
    mark_words,
    progress,
    time_left,
    verdict,
)

_DRAW_S = 0.25
_ESCAPE = b"\x1b"
# Of Okabe and Ito, nearest of the 256: told apart by every kind of colour vision, on dark and on light.
_COLOURS: dict[Tone, str] = {
    "plain": "",
    "faint": "\x1b[2m",
    "good": "\x1b[38;5;37m",
    "bad": "\x1b[1;38;5;15;48;5;166m",
    "warn": "\x1b[1;38;5;16;48;5;220m",
}
_RESET, _HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[0m", "\x1b[H", "\x1b[K", "\x1b[J"
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_EYE_ROWS = 9
_EYE_WINDOWS = 2.5  # from the middle to the edge, fixation windows
_MOST_LEFT = 56
_THUMB_ROWS = 6
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


def draw_page(feed: Feed) -> None:
    """Draw until the rig has ended; then leave the terminal as it was, and say how it ended."""
    while not feed.n_messages and not feed.is_over:  # what the checks say is read before the page covers it
        select.select([feed], [], [], _DRAW_S)
        feed.look()
    if feed.is_over:
        return
    with _page() as is_keyboard:
        while not feed.is_over:
            feed.look()
            size = _terminal_size()
            _write(_HOME + f"{_CLEAR_LINE}\r\n".join(page_lines(feed, size.columns, size.lines)) + _CLEAR_BELOW)
            _read_keys(feed, is_keyboard=is_keyboard)
    last = headline(feed.state, feed.silence, feed.resume)
    if last.tone == "bad":
        _write(f"{last.text}. {last.why}\n")


def _terminal_size() -> os.terminal_size:
    """Return the size of the terminal that is drawn on: standard output may be another, or a file."""
    with suppress(OSError):
        found = os.get_terminal_size(2)
        if found.columns and found.lines:
            return found
    return os.terminal_size((80, 24))


@contextmanager
def _page() -> Iterator[bool]:
    """Take the terminal's other page, and keys as they are pressed; yield whether there is a keyboard."""
    before = None
    with suppress(termios.error, OSError):
        before = termios.tcgetattr(0)
        tty.setcbreak(0)
    try:
        _write(_ENTER)
        yield before is not None
    finally:
        with suppress(termios.error, OSError):  # the terminal may be gone
            _write(_LEAVE)
            if before is not None:
                termios.tcsetattr(0, termios.TCSADRAIN, before)


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _read_keys(feed: Feed, *, is_keyboard: bool) -> None:
    """Wait for the next frame of the page; a key ends the wait."""
    ready, _, _ = select.select([0] if is_keyboard else [], [], [], _DRAW_S)
    if not ready:
        return
    content = os.read(0, 64)
    if content == _ESCAPE:
        feed.press("escape")
    elif not content.startswith(_ESCAPE):  # an arrow key, whose letters are no keys of ours
        for character in content.decode(errors="replace"):
            feed.press(character)


def page_lines(feed: Feed, n_columns: int, n_rows: int) -> list[str]:
    """Return the page, at most as many lines as there are rows, none wider than the terminal.

    Parameters
    ----------
    feed
        What is known.
    n_columns, n_rows
        Size of the terminal, characters.
    """
    state = feed.state
    title = f"{state.session_id}   {state.subject}"
    beat = heartbeat(feed.silence, n_messages=feed.n_messages)
    head = headline(state, feed.silence, feed.resume)
    lines = [
        _ends(title, beat, n_columns),
        *([_styled(f" {mark_words(state)} ", "warn")] if state.mark else []),
        *_large(feed.question or head.text, "warn" if feed.question else head.tone, n_columns),
        *textwrap.wrap(visible(head.why), n_columns),
        _bar(state, n_columns),
        *textwrap.wrap("   ".join(text for text in (progress(state), doubts_named(state)) if text), n_columns),
        *textwrap.wrap(time_left(state), n_columns),
        *(_styled(f"! {text}", "bad") for text in state.warnings),
        _styled(state.said, "good"),
    ]
    if state.n_planned:
        lines += _beside([*_numbers(state), *_lights(state)], _eye(state), n_columns)
    for doubt in doubts_told(state):
        lines += textwrap.wrap(visible(f"? {doubt}"), n_columns, subsequent_indent="  ")
    keys = "  ".join(key_words(is_over=feed.is_over))
    if n_rows - len(lines) > _THUMB_ROWS + 2:
        lines += ["", *_images(feed, n_columns)]
    return [_cut(line, n_columns) for line in [*lines[: n_rows - 1], keys]]


def _large(text: str, tone: Tone, n_columns: int) -> list[str]:
    """Return what matters first: as wide as the page and spaced out, and three lines high where it is urgent."""
    spaced = " ".join(text) if 2 * len(text) < n_columns else text
    line = _styled(f" {spaced}".ljust(n_columns), tone)
    blank = _styled(" " * n_columns, tone)
    return [line] if tone in ("plain", "faint", "good") else [blank, line, blank]


def _styled(text: str, tone: Tone) -> str:
    return f"{_COLOURS[tone]}{visible(text)}{_RESET}"


def _cut(line: str, n_columns: int) -> str:
    """Return as much of a line as the terminal is wide; what gives colour takes no room."""
    parts, room = [], n_columns
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if _STYLE.fullmatch(piece):
            parts.append(piece)
        else:
            parts.append(piece[:room])
            room -= len(parts[-1])
    return "".join(parts) + _RESET


def _width(line: str) -> int:
    return len(_STYLE.sub("", line))


def _ends(left: str, right: str, n_columns: int) -> str:
    return f"{visible(left)[: max(0, n_columns - len(right) - 1)]:{max(0, n_columns - len(right))}}{right}"


def _bar(state: PanelState, n_columns: int) -> str:
    full = round(n_columns * state.n_accepted / max(state.n_planned, 1))
    return f"{_COLOURS['good']}{'█' * full}{_RESET}{'░' * (n_columns - full)}"


def _numbers(state: PanelState) -> list[str]:
    return [f"{what:16} {_styled(number, tone)}" for what, number, tone in counts(state)]


def _lights(state: PanelState) -> list[str]:
    return [
        f"{_styled(f'{SIGNS[light.state]} {light.name}', TONES[light.state])}  {visible(light.words)}"
        for light in state.lights
    ]


def _eye(state: PanelState) -> list[str]:
    """Return the trace in a field of characters, the fixation window in the middle of it."""
    span = _EYE_WINDOWS * max(state.window_deg, 0.5)
    n_rows, n_columns = _EYE_ROWS, 2 * _EYE_ROWS + 1
    cells = [[" "] * n_columns for _ in range(n_rows)]
    for row in range(n_rows):
        for column in range(n_columns):
            x, y = _degrees(column, n_columns, span), -_degrees(row, n_rows, span)
            if abs(np.hypot(x, y) - state.window_deg) < span / n_rows * 0.5:
                cells[row][column] = "·"
    cells[n_rows // 2][n_columns // 2] = "+"
    newest = len(state.eye) - 1
    for place, point in enumerate(state.eye):
        if point is not None:  # one that is farther away is at the edge, as in the window
            x, y = (max(-1.0, min(1.0, value / span)) for value in point)
            row, column = round((1 - y) / 2 * (n_rows - 1)), round((x + 1) / 2 * (n_columns - 1))
            cells[row][column] = "◉" if place == newest else "•"
    lost = "" if not state.eye or state.eye[-1] is not None else ": no eye"
    rule = "─" * n_columns
    field = [f"┌{rule}┐", *(f"│{''.join(row)}│" for row in cells), f"└{rule}┘"]
    return [f"eye, window {state.window_deg:g} deg{lost}", *field]


def _degrees(place: int, n: int, span: float) -> float:
    return (2 * place / (n - 1) - 1) * span


def _beside(left: Sequence[str], right: Sequence[str], n_columns: int) -> list[str]:
    """Return two columns, or one under the other where there is no room."""
    room = n_columns - max(map(_width, right), default=0) - 1
    if room < 36:
        return [*left, *right]
    room = min(room, max(_MOST_LEFT, n_columns // 2))
    n = max(len(left), len(right))
    pairs = zip([*left, *[""] * (n - len(left))], [*right, *[""] * (n - len(right))], strict=True)
    return [f"{_cut(one, room - 1)}{' ' * max(1, room - _width(one))}{other}" for one, other in pairs]


def _images(feed: Feed, n_columns: int) -> list[str]:
    """Return the last images, two pixels a character, and below each whether it counts."""
    side = 2 * _THUMB_ROWS
    shown = feed.state.last_images[-max(1, n_columns // (side + 2)) :]
    rows = [""] * (_THUMB_ROWS + 1)
    for image in shown:
        pixels = feed.thumbnails.pixels(image.image_index, side)
        if pixels is None:
            continue
        for row in range(_THUMB_ROWS):
            pairs = zip(pixels[2 * row], pixels[2 * row + 1], strict=True)
            cells = (f"\x1b[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m▀" for a, b in pairs)
            rows[row] += "".join(cells) + _RESET + "  "
        words = verdict(image)
        rows[-1] += f"{words[:side]:{side}}  "
    return rows
