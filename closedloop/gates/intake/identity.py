"""Whether each electrode is still the one it was on day 0, by what ingest published of it.

An exchanged headstage, a connector turned round or channels counted from another number give every site the responses
of another one, and a wire that moved gives it those of other cells. Rates and reliability show nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.amended.uncounted import Uncounted
from closedloop.artifacts.catalog import IDENTITY
from closedloop.artifacts.day.identity import IdentityTable, SiteIdentity
from closedloop.artifacts.gates.report import GateFinding, GateLevel
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import left_out_of
from closedloop.gates.intake.profiles import identity_by_profiles
from closedloop.gates.levels import finding, level_of, worst
from closedloop.gates.wording import NOTHING_BEFORE, bounds, percent, plain

_CHANGED = ("moved", "retuned", "lost", "dead")
_SAID = {
    "retuned": "tuned to something else",
    "lost": "firing, but telling the images apart no more",
    "dead": "fallen silent",
}
_NAMED = 8


def site_identity(context: GateContext) -> GateFinding:
    """Count the model's sites that are the ones they were; those that are not warn, with their names.

    A site that answers as another electrode did holds by itself, and so do two electrodes that were exchanged,
    however many others are as they were. What could not be told counts neither way, and what people left out not at
    all.
    """
    limit = context.protocol.gates.site_identity
    expected = f"{bounds(limit, percent)} of the sites that can be told the ones of day 0, none of them another"
    if context.is_first:
        return finding("site_identity", "PASS", expected=expected, found=NOTHING_BEFORE, remedy="")
    if not context.has(IDENTITY):
        return identity_by_profiles(context)
    left_out = left_out_of(context)
    table = _that_counts(context.read(IDENTITY), context.uncounted())
    sites = table.sites()
    told = [one for one in sites if one.state in ("same", *_CHANGED)]
    if not told:
        found = f"none of the {len(sites)} sites could be told by {table.n_images} images shown every day: not known"
        return finding("site_identity", "PASS", expected=expected, found=found + left_out, remedy="")
    changed = [one for one in told if one.state in _CHANGED]
    moved = _moved(table)
    part = 1 - len(changed) / len(told)
    warned: GateLevel = "HOLD" if moved else "WARN" if changed else "PASS"
    return finding(
        "site_identity",
        worst(level_of(part, limit), warned),
        expected=expected,
        found=f"{len(told) - len(changed)} of {len(told)} sites ({percent(part)}), by {table.n_images} images"
        + _what_changed(moved, changed)
        + _offered(table)
        + left_out,
        remedy=_remedy(context.day, moved, changed, can_be_left_out=2 * len(changed) <= len(told)),
        values={
            "part_same": part,
            "n_told": float(len(told)),
            "n_moved": float(len(moved)),
            "n_changed": float(len(changed)),
            "expected_correlation": table.expected,
            "n_images": float(table.n_images),
        },
    )


def _that_counts(table: IdentityTable, out: Uncounted) -> IdentityTable:
    """Return what was found of the electrodes that people did not leave out."""
    kept = (tuple(one for one in of if not out.covers_site(one.neuroid_id)) for of in (table.electrodes, table.offered))
    return table.model_copy(update=dict(zip(("electrodes", "offered"), kept, strict=True))) if out.who else table


def _moved(table: IdentityTable) -> list[SiteIdentity]:
    """Return the sites that answer as another electrode did, and electrodes that were exchanged with each other."""
    partner_of = {one.neuroid_id: one.partner for one in table.electrodes if one.state == "moved"}
    return [
        one
        for one in table.electrodes
        if one.state == "moved" and (one.site_index is not None or partner_of.get(one.partner) == one.neuroid_id)
    ]


def _what_changed(moved: Sequence[SiteIdentity], changed: Sequence[SiteIdentity]) -> str:
    """Say which electrodes are others: pairs once, then each state with the sites' names."""
    partner_of = {one.neuroid_id: one.partner for one in moved}
    pairs = sorted({tuple(sorted(pair)) for pair in partner_of.items() if partner_of.get(pair[1]) == pair[0]})
    alone = [one for one in moved if partner_of.get(one.partner) != one.neuroid_id]
    parts = ["exchanged: " + _listed([f"{one} and {other}" for one, other in pairs])] if pairs else []
    if alone:
        parts.append(_listed([f"{one.neuroid_id} answers as {one.partner} did" for one in alone]))
    for state, words in _SAID.items():
        names = [_name(one) for one in changed if one.state == state]
        parts += [f"{words}: {_listed(names)}"] if names else []
    return "".join(f"; {part}" for part in parts)


def _name(one: SiteIdentity) -> str:
    """Return a site's name with its correlation with day 0, where it has one."""
    if one.state != "retuned" or one.correlation is None:
        return one.neuroid_id
    return f"{one.neuroid_id} (r = {plain(one.correlation)})"


def _offered(table: IdentityTable) -> str:
    if not table.offered:
        return ""
    return f"; reliable now and no site: {_listed([one.neuroid_id for one in table.offered])}"


def _remedy(day: int, moved: Sequence[SiteIdentity], changed: Sequence[SiteIdentity], *, can_be_left_out: bool) -> str:
    """Say what to look at, then, unless most are others, the command that leaves out the sites that stay so."""
    look = (
        "Compare headstages, connectors and the channel map with the photographs of day 0, and the files' channel "
        "labels. If channels were exchanged, bring the recording with the channels that are true (closedloop "
        "replace-recording)."
        if moved
        else "Look at these electrodes' spikes and thresholds, and at their contacts."
    )
    if not changed or not can_be_left_out:
        return look
    sites = " ".join(f"--site {one.neuroid_id}" for one in changed)
    return (
        f"{look} They are fitted and evaluated as the sites they were; to leave them out from this day on: closedloop "
        f"exclude STUDY {sites} --from-day {day} --from both --why TEXT"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
