"""Answers about arrays, recorder and rig, checked against each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.recorder import read_recorder
from closedloop.artifacts.records.metadata import HEMISPHERES, Hemisphere, RigFile
from closedloop.artifacts.rig.description import read_rig
from closedloop.artifacts.study import NSX_SUFFIXES
from closedloop.commands.new.animal import NONE
from closedloop.commands.new.draft import Draft
from closedloop.errors import OptionError
from closedloop.plain_text.printed import check_given_name
from closedloop.storage import resolved
from closedloop.study.create import parse_arrays, parse_nsx
from closedloop.study.foresight.numbers import Asked, problems, refuse_problems

BLACKROCK = "blackrock"
_HEMISPHERES: dict[str, Hemisphere] = {"l": "left", "r": "right"}


def take_recorder(text: str, draft: Draft) -> Draft:
    """Take Blackrock, or a file that describes another maker's."""
    if text.lower() == BLACKROCK:
        return replace(draft, recorder=None)
    path = resolved(Path(text).expanduser())
    described = read_recorder(path)
    if described.maker == BLACKROCK:
        return replace(draft, recorder=None)
    names = tuple(device.name or f"device {number}" for number, device in enumerate(described.devices, start=1))
    return replace(draft, recorder=path, arrays=(), array_names=names, nsx=())


def found_recorder(draft: Draft) -> str:
    """Say what the recorder's description holds."""
    return f"{len(draft.array_names)} devices: {', '.join(draft.array_names)}" if draft.recorder else ""


def take_arrays(text: str, draft: Draft) -> Draft:
    """Take the arrays' names, and the patterns of their files."""
    given = _listed(text)
    if not given:
        raise OptionError("--arrays: expected at least one name, found none. Give array1 where there is one array.")
    names, _ = parse_arrays(given, option="--arrays")
    return replace(draft, arrays=given, array_names=names)


def take_regions(text: str, draft: Draft) -> Draft:
    """Take the arrays' regions, in their order; one counts for all."""
    regions = _for_each(_listed(text), draft, option="--regions")
    for region in regions:
        check_given_name(region, option="--regions", error=OptionError)
    return replace(draft, regions=regions)


def take_hemispheres(text: str, draft: Draft) -> Draft:
    """Take the arrays' hemispheres, in their order; one counts for all."""
    given = _for_each(_listed(text.lower()), draft, option="--hemispheres")
    return replace(draft, hemispheres=tuple(_hemisphere(word) for word in given))


def _hemisphere(word: str) -> Hemisphere:
    found = next((one for one in HEMISPHERES if one == word), _HEMISPHERES.get(word))
    if found is None:
        raise OptionError(f"--hemispheres: expected left or right, found {word:.40}. Correct it.")
    return found


def take_files(text: str, draft: Draft) -> Draft:
    """Take the files that each array's recording has besides its .nev."""
    return replace(draft, nsx=() if text.lower() == NONE else parse_nsx(_listed(text), option="--files"))


def found_files(draft: Draft) -> str:
    """Say what a day's folder has to hold."""
    if draft.nsx:
        return f"a day is complete with .nev and {', '.join(draft.nsx)} of each array"
    return f"a day is complete with each array's .nev; {', '.join(NSX_SUFFIXES)} are read where they are there"


def take_rig(text: str, draft: Draft) -> Draft:
    """Take the rig's description, and make the protocol fit its screen."""
    if text.lower() == NONE:
        return replace(draft, rig=None, rig_file=None)
    path = resolved(Path(text).expanduser())
    document, sha256 = read_rig(path)
    changed = replace(
        draft, rig=document, rig_file=RigFile(name=document.name, file=str(path), sha256=sha256), hours=None
    )
    _, protocol = changed.protocol()
    refuse_problems(_of_screen(changed.asked(protocol)), place=str(path))
    return changed


def _of_screen(asked: Asked) -> tuple[str, ...]:
    return tuple(one for one in problems(asked) if one.startswith(("presentation.image", "presentation.screen")))


def found_rig(draft: Draft) -> str:
    """Say how large images are on the rig's screen, and for how many frames they are up."""
    if draft.rig is None:
        return "none yet: the protocol's screen is kept; `rig init rig.yaml` on the rig's computer describes it"
    screen = draft.rig.subject_screen
    _, protocol = draft.protocol()
    timing, base = protocol.presentation, _base(draft).presentation
    side_px = timing.image_scale * protocol.images.side_px
    turned = [
        f"{name} {getattr(timing, name):g} ms for {getattr(base, name):g} (whole frames)"
        for name in ("on_ms", "off_ms")
        if getattr(timing, name) != getattr(base, name)
    ]
    asked_deg = f" ({base.visual_angle_deg:g} asked)" if timing.visual_angle_deg != base.visual_angle_deg else ""
    said = (
        f"{draft.rig.name}: {screen.width_px} x {screen.height_px} px at {screen.refresh_hz:g} Hz; images of {side_px} "
        f"px are {timing.visual_angle_deg:.2f} degrees at {screen.distance_cm:g} cm{asked_deg}"
    )
    return "; ".join([said, *turned])


def _base(draft: Draft) -> Protocol:
    if draft.base is None:
        raise ValueError("expected a protocol first")
    return draft.base


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _for_each(given: tuple[str, ...], draft: Draft, *, option: str) -> tuple[str, ...]:
    n_arrays = len(draft.array_names)
    if len(given) not in (1, n_arrays):
        raise OptionError(
            f"{option}: expected one for each of {n_arrays} arrays ({', '.join(draft.array_names)}), set apart by "
            f"commas, or one for all, found {len(given)}. Correct it."
        )
    return given * n_arrays if len(given) == 1 else given
