"""A protocol made to fit a laboratory: its screen, its hours, its days. What changes is a line of the file each."""

from __future__ import annotations

import math
from collections.abc import Mapping

from closedloop.artifacts.protocol.protocol import Protocol, parse_protocol, session_hours
from closedloop.artifacts.protocol.session import PresentationTiming
from closedloop.artifacts.rig.description import SubjectScreen
from closedloop.errors import ProtocolError
from closedloop.plain_text.printed import number_text
from closedloop.plain_text.yaml_edit import UneditableYamlError
from closedloop.plain_text.yaml_values import replace_values

ProtocolValues = dict[tuple[str, ...], str]

_MS_PER_S = 1_000


def change_protocol(content: bytes, changes: Mapping[tuple[str, ...], str], *, place: str, why: str) -> bytes:
    """Return a protocol's file with some of its values changed; comments, order and all other bytes stay.

    Parameters
    ----------
    content
        The file.
    changes
        New values by the keys that lead to them.
    place
        Its name, for messages.
    why
        Written behind each changed value.

    Raises
    ------
    ProtocolError
        The file is written in a way that cannot be edited line by line.
    """
    if not changes:
        return content
    try:
        return replace_values(content, changes, comment=why)
    except UneditableYamlError as error:
        raise ProtocolError(
            f"{place}: expected a protocol whose values can be changed where they stand, found {error}. Start from a "
            "copy of protocols/guo2022.yaml."
        ) from error


def values_that_change(protocol: Protocol, wanted: Mapping[tuple[str, ...], str], *, place: str) -> ProtocolValues:
    """Return those of the wanted values that are others than the protocol's.

    Parameters
    ----------
    protocol
        As it is.
    wanted
        By the keys that lead to them, as YAML writes them.
    place
        Of the protocol, for messages.
    """
    plain = protocol.model_dump(mode="json")
    return {path: value for path, value in wanted.items() if not _is_same(plain, path, value, place)}


def _is_same(plain: object, path: tuple[str, ...], value: str, place: str) -> bool:
    for key in path:
        if not isinstance(plain, dict):
            raise ValueError(f"{place}: no key {'.'.join(path)}")
        plain = plain.get(key)
    if isinstance(plain, bool):
        return value == str(plain).lower()
    if isinstance(plain, int | float):
        return float(value) == plain
    if isinstance(plain, list):
        return value == f"[{', '.join(number_text(one) for one in plain)}]"
    return value == str(plain)


def for_screen(timing: PresentationTiming, screen: SubjectScreen, *, side_px: int) -> ProtocolValues:
    """Return a protocol's values for the animal's screen: whole frames, and the size of image nearest to the wanted.

    Images are drawn in whole screen pixels an image pixel, so that the angle is what the screen allows.

    Parameters
    ----------
    timing
        The protocol's section.
    screen
        As the rig's description has it.
    side_px
        Of the images.
    """
    scale = _nearest_scale(timing.visual_angle_deg, screen, side_px=side_px)
    return {
        ("presentation", "refresh_hz"): number_text(screen.refresh_hz),
        ("presentation", "on_ms"): _whole_frames_ms(timing.on_ms, screen.refresh_hz, least=1),
        ("presentation", "off_ms"): _whole_frames_ms(timing.off_ms, screen.refresh_hz, least=0),
        ("presentation", "visual_angle_deg"): f"{image_angle_deg(screen, scale * side_px):.3f}",
        ("presentation", "image_scale"): str(scale),
        ("presentation", "screen_width_px"): str(screen.width_px),
        ("presentation", "screen_height_px"): str(screen.height_px),
        ("presentation", "screen_cm_per_px"): f"{screen.cm_per_px:.6f}",
    }


def image_angle_deg(screen: SubjectScreen, side_px: float) -> float:
    """Return how large so many pixels of the screen are from the animal's eye."""
    return math.degrees(2 * math.atan(side_px * screen.cm_per_px / 2 / screen.distance_cm))


def _nearest_scale(wanted_deg: float, screen: SubjectScreen, *, side_px: int) -> int:
    most = max(min(screen.width_px, screen.height_px) // side_px, 1)
    return min(range(1, most + 1), key=lambda scale: abs(image_angle_deg(screen, scale * side_px) - wanted_deg))


def _whole_frames_ms(wanted_ms: float, refresh_hz: float, *, least: int) -> str:
    frames = max(round(wanted_ms * refresh_hz / _MS_PER_S), least)
    return number_text(round(frames * _MS_PER_S / refresh_hz, 4))


def for_days(protocol: Protocol, days: int) -> ProtocolValues:
    """Return a protocol's values for so many days; raw voltage of later ones is not asked for."""
    raw = [day for day in protocol.recording.raw_days if day < days]
    return {("days",): str(days), ("recording", "raw_days"): f"[{', '.join(map(str, raw))}]"}


def for_hours(hours: float, *, fresh_images: int | None) -> ProtocolValues:
    """Return a protocol's values for a day of so many hours.

    Parameters
    ----------
    hours
        Of a session, at most.
    fresh_images
        Fresh images attacked for each site; None: as many as the protocol says.
    """
    changes: ProtocolValues = {("trial", "hours_per_day"): number_text(hours)}
    if fresh_images is not None:
        changes[("attack", "fresh_images_per_site")] = str(fresh_images)
    return changes


def fresh_images_that_fit(protocol: Protocol, hours: float) -> int | None:
    """Return how many fresh images can be attacked for each site in so many hours, at most as many as are asked for.

    Parameters
    ----------
    protocol
        The experiment.
    hours
        Of a session, at most.

    Returns
    -------
    int | None
        None where the day does not fit without any.
    """
    for number in range(protocol.attack.fresh_images_per_site, -1, -1):
        attack = protocol.attack.model_copy(update={"fresh_images_per_site": number})
        if number + attack.anchors_per_site == 0:
            break
        if session_hours(protocol.model_copy(update={"attack": attack})) <= hours:
            return number
    return None


def parse_changed(content: bytes, changes: ProtocolValues, *, place: str, why: str) -> tuple[bytes, Protocol]:
    """Return a protocol's file with its changes, and what it says.

    Parameters
    ----------
    content
        The file as it was.
    changes
        New values by the keys that lead to them; those that are the file's own change nothing.
    place
        Its name, for messages.
    why
        Written behind each changed value.

    Raises
    ------
    ProtocolError
        It cannot be edited, or what it would say is impossible.
    """
    before = parse_protocol(content, place=place)
    changed = change_protocol(content, values_that_change(before, changes, place=place), place=place, why=why)
    return changed, parse_protocol(changed, place=place)
