"""The section that says which site still is the one it was on day 0, which are others, and which could be sites."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.analysis.identity.comparison import IdentityRules
from closedloop.artifacts.amended.uncounted import Uncounted, uncounted
from closedloop.artifacts.day.identity import IdentityState, IdentityTable, OfferedSite, SiteIdentity
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.report.identity import figures
from closedloop.report.layout import PageSection, plate
from closedloop.report.reading import DayRecord
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, plus_minus, rate

_WORDS: dict[IdentityState, str] = {
    "same": "the same",
    "moved": "answers as another electrode did",
    "retuned": "tuned to something else",
    "lost": "fires, and tells the images apart no more",
    "dead": "fell silent",
    "missing": "not recorded",
    "unknown": "cannot be told",
}
_LEGEND = ", ".join(f"{letter} {_WORDS[state]}" for state, letter in figures.LETTERS.items() if letter)
_LEAST_PX = 420


def identity_over_days(days: Sequence[DayRecord], amendments: Sequence[Amendment] = ()) -> PageSection | None:
    """Show the sites by days, those that are others now, and the electrodes that could be sites; None before day 1.

    Parameters
    ----------
    days
        Ascending; the tables are of the last that was compared with day 0.
    amendments
        What people decided: sites that they left out count neither way, and are marked.
    """
    tables = [day.identity for day in days if day.identity is not None]
    if not tables:
        return None
    last = tables[-1]
    out = uncounted(amendments, last.session)
    return PageSection(
        "identity",
        "Are the sites the ones they were?",
        _said(last, out),
        plates=(
            plate(
                figures.strip(tables),
                "The sites, day by day",
                least_width_px=_LEAST_PX,
                caption=f"A row a site of the model, a column a day. Empty: the same as on day 0. {_LEGEND}.",
            ),
        )
        if last.sites()
        else (),
        tables=tuple(table for table in (_changed(tables, out), _offered(last)) if table is not None),
        folded=((f"Every electrode, {last.session.said}", _every(last)),),
    )


def _said(table: IdentityTable, out: Uncounted) -> str:
    sites = [one for one in table.sites() if not out.covers_site(one.neuroid_id)]
    note = out.note(one.neuroid_id for one in table.sites())
    left_out = f"; {note}" if note else ""
    n_same = sum(one.state == "same" for one in sites)
    drift = (
        ""
        if table.expected is None
        else f"; the electrodes' correlation with themselves is {number(table.expected)} (median)"
    )
    n_unknown = sum(one.state == "unknown" for one in sites)
    least = IdentityRules().least_images
    few = f", for it takes {least} images" if table.n_images < least else ""
    unknown = f"; of {count(n_unknown)} it cannot be told{few}" if n_unknown else ""
    return (
        f"On {table.session.said}, {count(n_same)} of {count(len(sites))} sites answer the {count(table.n_images)} "
        f"images shown every day as on day 0{unknown}{drift}{left_out}. A site that is another is fitted and "
        "evaluated as the one it was, until a person leaves it out (closedloop exclude)."
    )


def _changed(tables: Sequence[IdentityTable], out: Uncounted) -> Table | None:
    """Return what is not the same on the last day, and since when without a day on which it was."""
    last = tables[-1]
    rows = [one for one in last.electrodes if _is_told(one)]
    if not rows:
        return None
    return Table(
        columns=("electrode", "", "since", "as", "r with itself", "r with that one", "waveform", "rate, day 0", "rate"),
        rows=tuple(
            (
                one.neuroid_id + ("" if one.site_index is None else f" (site {one.site_index})"),
                _WORDS[one.state] + (" (left out)" if out.covers_site(one.neuroid_id) else ""),
                _since(tables, one.neuroid_id).said,
                one.partner or DASH,
                plus_minus(one.correlation, one.standard_error),
                number(one.partner_correlation),
                _waveform(one),
                rate(one.rate_then_hz),
                rate(one.rate_now_hz),
            )
            for one in rows
        ),
        caption="Sites that are others than on day 0, or cannot be told, and electrodes that moved. r: correlation of "
        "the mean responses to the images shown every day with those of day 0, less what all electrodes share, noise "
        "taken out, ± SE. Waveform: how alike its mean spike is to day 0's own, and to that of the electrode as which "
        "it answers (1: equal in shape and size); it decides nothing. Rates in Hz.",
        prose=True,
    )


def _waveform(one: SiteIdentity) -> str:
    if one.partner_waveform_likeness is None:
        return number(one.waveform_likeness)
    return f"{number(one.waveform_likeness)}, {number(one.partner_waveform_likeness)} with that one"


def _is_told(one: SiteIdentity) -> bool:
    """Return whether an electrode is worth a line: a site that is not surely the same, or any that moved."""
    return one.state == "moved" or (one.site_index is not None and one.state != "same")


def _since(tables: Sequence[IdentityTable], name: str) -> Block:
    since = tables[-1].session
    for table in reversed(tables):
        state = next((one.state for one in table.electrodes if one.neuroid_id == name), "same")
        if state == "same":
            break
        since = table.session
    return since


def _offered(table: IdentityTable) -> Table | None:
    if not table.offered:
        return None
    return Table(
        columns=("electrode", "reliability, day 0", "reliability"),
        rows=tuple(_offer(one) for one in table.offered),
        caption="Electrodes that were too unreliable for a site on day 0, or not recorded, and repeat themselves now. "
        "They are offered, not taken: a model's outputs keep the sites of day 0; a new study would choose them.",
    )


def _offer(one: OfferedSite) -> tuple[str, ...]:
    return one.neuroid_id, number(one.reliability_then), number(one.reliability)


def _every(table: IdentityTable) -> Table:
    return Table(
        columns=("electrode", "", "r", "reliability, day 0", "reliability", "rate, day 0", "rate"),
        rows=tuple(
            (
                one.neuroid_id,
                _WORDS[one.state],
                plus_minus(one.correlation, one.standard_error),
                number(one.reliability_then),
                number(one.reliability_now),
                rate(one.rate_then_hz),
                rate(one.rate_now_hz),
            )
            for one in table.electrodes
        ),
        caption="Reliability: the part of the variance over the images shown every day that is no noise. Rates in Hz.",
    )
