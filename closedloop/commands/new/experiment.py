"""Answers about protocol, images, base model and time, each checked at once: opened, tried, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from closedloop.artifacts.protocol.protocol import (
    Protocol,
    days_that_last,
    parse_protocol,
    presentations_per_day,
    session_hours,
)
from closedloop.commands.days import count
from closedloop.commands.new.draft import Draft
from closedloop.errors import OptionError, ProtocolError, StudyError
from closedloop.models.shipped import shipped_names
from closedloop.plain_text.printed import in_words, number_text
from closedloop.storage import read_bytes, resolved
from closedloop.study.create import find_protocol
from closedloop.study.first_day.fitting import fresh_images_that_fit
from closedloop.study.foresight.images import open_images
from closedloop.study.foresight.numbers import images_wanted, refuse_too_few
from closedloop.study.foresight.weights import find_base_model

_LONGEST_DAY_H = 24
_S_PER_HOUR = 3_600


def take_protocol(text: str, draft: Draft) -> Draft:
    """Take a shipped protocol or a file to start from."""
    source = find_protocol(text)
    content = read_bytes(source)
    return replace(draft, source=str(source), content=content, base=parse_protocol(content, place=str(source)))


def found_protocol(draft: Draft) -> str:
    """Say what the protocol asks of a day."""
    base = base_of(draft)
    sites, epsilons = base.sites.n_sites, len(base.attack.epsilons)
    attacked = f"{count(sites, 'site')}, {count(epsilons, 'epsilon')}"
    return f"{base.name}: {count(base.days, 'day')} of {_day_in_words(base)}, {attacked}"


def _day_in_words(protocol: Protocol) -> str:
    return f"{presentations_per_day(protocol):,} presentations ({_in_words(session_hours(protocol))})"


def take_images(text: str, draft: Draft) -> Draft:
    """Open the folder of images and count them; each is read to its end when the study is made."""
    folder = Path(text).expanduser()
    if draft.root.is_relative_to(resolved(folder)):
        raise StudyError(
            f"--images {text}: expected a folder that does not hold the study, found {draft.root} in it. Choose "
            "another."
        )
    pool = open_images(folder, base_of(draft))
    changed = replace(draft, images=resolved(folder), n_listed=len(pool.images()), days=None, hours=None)
    _, protocol = changed.protocol()
    refuse_too_few(replace(changed.asked(protocol), n_days=1), n_images=changed.n_listed, place=str(folder))
    return changed


def found_images(draft: Draft) -> str:
    """Say how many images there are, and for how many days they last."""
    if draft.images is None:
        return ""
    base = base_of(draft)
    sizes = Counter(image.category for image in open_images(draft.images, base).images())
    lasts = days_that_last(base, draft.n_listed, most=base.days)
    every = "its day" if base.days == 1 else f"all {base.days} days"
    enough = f"enough for {count(lasts, 'day')}" if lasts < base.days else f"enough for {every}"
    categories = "1 category" if len(sizes) == 1 else f"{len(sizes):,} categories"
    return f"{count(draft.n_listed, 'image')} in {categories}, {enough}; each is read when the study is made"


def propose_base_model(draft: Draft) -> str | None:
    """Propose the weights that the protocol names, where they ship."""
    named = base_of(draft).base_model.weights
    return named if named in shipped_names() else None


def take_base_model(text: str, draft: Draft) -> Draft:
    """Open the base model and try it on a grey image."""
    given = Path(text) if text in shipped_names() else Path(text).expanduser()
    find_base_model(base_of(draft), given, place=draft.source)
    return replace(draft, base_model=given)


def found_base_model(draft: Draft) -> str:
    """Say that the weights were tried."""
    base = base_of(draft)
    return f"opened, and answers at {base.base_model.layer} to an image of {base.images.side_px} px"


def propose_days(draft: Draft) -> str | None:
    """Propose the protocol's days, or as many as the images last."""
    base = base_of(draft)
    return str(max(1, days_that_last(base, draft.n_listed, most=base.days)))


def take_days(text: str, draft: Draft) -> Draft:
    """Take how many days there will be; their images have to be there."""
    days = _whole(text, option="--days")
    base = base_of(draft)
    if days > base.days:
        raise StudyError(
            f"--days: expected at most {count(base.days, 'day')}, as protocol {base.name} has, found {days:,}. Give "
            "less, or start from a copy of the protocol with another number behind `days:`."
        )
    changed = replace(draft, days=days, hours=None, fresh_images=None)
    _, protocol = changed.protocol()
    refuse_too_few(changed.asked(protocol), n_images=draft.n_listed, place=str(draft.images))
    return changed


def found_days(draft: Draft) -> str:
    """Say how many images the days need."""
    _, protocol = draft.protocol()
    return f"{images_wanted(draft.asked(protocol)):,} of the images are needed"


def propose_hours(draft: Draft) -> str | None:
    """Propose the protocol's hours."""
    return number_text(base_of(draft).trial.hours_per_day)


def take_hours(text: str, draft: Draft) -> Draft:
    """Take how long a session may be; where the protocol's does not fit, it has to be cut."""
    try:
        hours = float(text)
    except ValueError:
        raise OptionError(f"--hours: expected a number of hours, found {text:.40}. Correct it.") from None
    if not 0 < hours <= _LONGEST_DAY_H:
        raise OptionError(
            f"--hours: expected more than 0 and at most {_LONGEST_DAY_H} hours, found {text}. Correct it."
        )
    protocol = _of_days(draft)
    fits = fresh_images_that_fit(protocol, hours)
    if fits is None:
        raise ProtocolError(
            f"--hours: expected {_in_words(_hours_without(protocol))} or more, which the protocol takes without any "
            f"fresh attack, found {_in_words(hours)}. Allow more, or start from a copy of the protocol that shows less."
        )
    return replace(draft, hours=hours, fresh_images=fits)


def found_hours(draft: Draft) -> str:
    """Say whether the day fits, and what is cut where it does not."""
    _, protocol = draft.protocol()
    wanted = base_of(draft).attack.fresh_images_per_site
    if draft.fresh_images == wanted:
        return f"{_day_in_words(protocol)} a day fit"
    return (
        f"{_day_in_words(_of_days(draft))} do not fit; {draft.fresh_images} fresh images attacked a site in place of "
        f"{wanted} do: {_day_in_words(protocol)}"
    )


def is_cut(draft: Draft) -> bool:
    """Return whether the protocol's day does not fit into the hours."""
    return draft.fresh_images != base_of(draft).attack.fresh_images_per_site


def propose_fresh_images(draft: Draft) -> str | None:
    """Propose as many as fit."""
    return str(fresh_images_that_fit(_of_days(draft), draft.hours or 0))


def take_fresh_images(text: str, draft: Draft) -> Draft:
    """Take how many fresh images are attacked for each site; the day has to fit."""
    changed = replace(draft, fresh_images=_whole(text, option="--fresh-images", least=0))
    changed.protocol()
    return changed


def found_fresh_images(draft: Draft) -> str:
    """Say what a day is now."""
    _, protocol = draft.protocol()
    return f"{_day_in_words(protocol)} a day"


def base_of(draft: Draft) -> Protocol:
    """Return the protocol that the study starts from; it is asked for first."""
    if draft.base is None:
        raise ValueError("expected a protocol first")
    return draft.base


def _of_days(draft: Draft) -> Protocol:
    """Return the protocol as answers before the hours have it."""
    return replace(draft, hours=None, fresh_images=None).protocol()[1]


def _in_words(hours: float) -> str:
    return in_words(_S_PER_HOUR * hours)


def _hours_without(protocol: Protocol) -> float:
    attack = protocol.attack.model_copy(update={"fresh_images_per_site": 0})
    return session_hours(protocol.model_copy(update={"attack": attack}))


def _whole(text: str, *, option: str, least: int = 1) -> int:
    if not text.isdecimal() or int(text) < least:
        raise OptionError(f"{option}: expected a whole number from {least} on, found {text:.40}. Correct it.")
    return int(text)
