"""The page of category preference: Figures 2A to 2C, numbers beside the paper's, every site, what each number is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from closedloop.access.study import Study
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, Plate, plate, render
from closedloop.report.preference.driven import DrivenRates
from closedloop.report.preference.figures import rasters, rates
from closedloop.report.preference.section import preference_numbers, reached_words, with_sd
from closedloop.report.quoted import QuotedNumber, origin_of, quoted_table
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, rate
from closedloop.studies.category_preference.measure import FoundPreferences
from closedloop.studies.category_preference.pictures import draw_pictures, picture_rows, shown_epsilons
from closedloop.studies.preferred_categories import preferences_table, with_interval

_WIDE_PX = 640
_ATTACKS = {
    "least_preferred": "attacks that were to raise each site on images of the categories it liked least on the days "
    "before",
    "any_category": "ordinary attacks whose sealed sign is up, on images of any but the site's preferred category: "
    "this study attacked no images of least preferred categories for this",
}
_SENTENCES = (
    (
        "preferred and least preferred category",
        "“We used each IT neural site's response over many clean images to identify its most and least preferred "
        "ImageNet categories”, section 2",
        "the largest and smallest mean over the days' clean images, without those shown for this question or many "
        "times for a few sites, and without what people left out; on one day's scale by the images that both showed",
    ),
    (
        "preferred level, cross-validated",
        "not in the paper: the largest of many noisy means is too large",
        "half of each category's images chooses, the other half is averaged, over ten random halvings, both ways: the "
        "response to new images of the category that a half would choose; interval by resampling images, choosing anew",
    ),
    (
        "preferred level, fresh",
        "“average response of these neurons to their ‘most-preferred’ image categories”, section 2",
        "mean over fresh images of the category preferred on the days before, shown beside the attacks",
    ),
    (
        "agreement",
        "not in the paper",
        "how often both halves of the images chose the same category; one in the number of categories for a site "
        "without any preference",
    ),
    (
        "ε reached",
        "“drive firing rates past that of naturally occurring preferred images”, Figure 2",
        "where the mean rate over the same images first comes to the level, linear in between; interval over images",
    ),
)


def preference_page(study: Study, found: FoundPreferences, *, command: str) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    study
        Whose pictures and spikes are shown.
    found
        What its days say.
    command
        The command line that the page shows.
    """
    driven = driven_of(found)
    with drawing.style():
        sections = (
            PageSection("headline", "In short", cards=_cards(found, driven)),
            _paper(found, driven),
            _figures(study, found, driven),
            _sites(found),
            PageSection("definitions", "What each number is", tables=(_definitions(),)),
        )
    document = found.document
    return render(
        Page(
            title=f"Category preference: {document.subject}",
            subtitle="Which image categories each site prefers, and how small an image change turns an image of "
            "another category into one that it answers as much (section 2, Figure 2).",
            facts=_facts(found),
            command=command,
            simulated=document.simulated,
            notices=notices_of(found),
            links=(),
            sections=tuple(section for section in sections if section is not None),
        )
    )


def driven_of(found: FoundPreferences) -> DrivenRates | None:
    """Return the sites with attacked images and a level, as Figure 2C draws them; None without any."""
    table, attacks = found.sites, found.attacks
    rows = np.flatnonzero(np.isfinite(table["level_hz"]) & (table["n_attacked_images"] > 0))
    if attacks is None or not len(rows):
        return None
    names = tuple(table["neuroid_id"][rows].tolist())
    return DrivenRates(
        sites=names,
        epsilons=np.array([0.0, *attacks.epsilons]),
        rates_hz=np.array([attacks.raised[site].rates_hz.mean(axis=0) for site in names]),
        preferred_hz=table["level_hz"][rows],
        n_images=table["n_attacked_images"][rows],
        n_raised=int(table["n_attacked_images"].sum()) * len(attacks.epsilons),
        of_least=attacks.kind == "least_preferred",
        source="fresh" if (table["level"][rows] == "fresh").all() else "cross_validated",
    )


def notices_of(found: FoundPreferences) -> tuple[str, ...]:
    """Return what the data do not allow, and what else a reader must know, a line each."""
    document, table = found.document, found.sites
    lines = [found.unscaled] if found.unscaled else []
    if found.attacks is not None and found.attacks.n_elsewhere:
        lines.append(
            f"Day {document.attack_day} has several sessions: the last one with such attacks counts here, not the "
            f"{count(found.attacks.n_elsewhere)} upward ones of the others."
        )
    if document.attacks == "none":
        lines.append(
            "No day is evaluated whose attacks were to raise a site: there are no rates over ε and no rasters."
        )
    elif document.attacks == "any_category":
        lines.append(f"Day {document.attack_day}: {_ATTACKS['any_category']}. Figure 2 shows non-preferred images.")
    if not np.isfinite(table["preferred_hz"]).any():
        lines.append(
            f"No site has two categories of two images each ({count(document.n_images)} images of "
            f"{count(document.n_categories)} categories): no preferred level can be known without bias."
        )
    few = table["preferred_agreement"][np.isfinite(table["preferred_agreement"])] < 0.5
    if few.any():
        lines.append(
            f"{int(few.sum())} of {len(few)} sites: halves of the images choose different preferred categories more "
            "often than the same. The category that is named for them is one of several that they like about as much."
        )
    return tuple(lines)


def _cards(found: FoundPreferences, driven: DrivenRates | None) -> tuple[Card, ...]:
    table = found.sites
    known = table["preferred_hz"][np.isfinite(table["preferred_hz"])]
    naive = table["largest_mean_hz"][np.isfinite(table["preferred_hz"])]
    cards = [
        Card(
            "Preferred category",
            f"{with_sd(known)} Hz" if len(known) else DASH,
            f"mean ± SD over {count(len(known))} sites, cross-validated; the largest means themselves: "
            f"{with_sd(naive) if len(known) else DASH}",
        )
    ]
    if driven is not None:
        largest = driven.rates_hz[:, -1]
        cards += [
            Card("ε that reaches it", _reached(driven), _reached_note(driven)),
            Card(
                f"Rate at ε = {driven.epsilons[-1]:g}",
                f"{with_sd(largest)} Hz",
                f"clean {with_sd(driven.rates_hz[:, 0])}; {int((largest > driven.preferred_hz).sum())} of "
                f"{len(largest)} sites above their preferred level",
            ),
        ]
    return tuple(cards)


def _reached(driven: DrivenRates) -> str:
    reached = driven.reached
    if 2 * reached.n_reached < reached.n_sites:  # a mean over the few that do would tell of them alone
        return f"above {driven.epsilons[-1]:g}"
    return number(reached.mean) + (f" ± {number(reached.sd)}" if reached.n_reached > 1 else "")


def _reached_note(driven: DrivenRates) -> str:
    reached = driven.reached
    if 2 * reached.n_reached < reached.n_sites:
        return f"{reached.n_reached} of {reached.n_sites} sites reach it by ε = {driven.epsilons[-1]:g}"
    return f"mean ± SD over sites; {reached.n_sites - reached.n_reached} of {reached.n_sites} never"


def _paper(found: FoundPreferences, driven: DrivenRates | None) -> PageSection | None:
    if driven is None:
        return None
    numbers = preference_numbers(driven, simulated=found.document.simulated)
    sample = found.attacks.sample if found.attacks else ""
    if sample in driven.sites:
        epsilon = driven.crossings[driven.sites.index(sample)]
        said = number(float(epsilon)) if math.isfinite(epsilon) else f"never by {driven.epsilons[-1]:g}"
        row = QuotedNumber(
            f"the same of the sample site ({sample})",
            said,
            origin_of(simulated=found.document.simulated),
            "2.5",
            "at ε=4.0±1.6 (2.5 for the sample site)",
            "Figure 2",
        )
        numbers = [numbers[0], row, *numbers[1:]]
    caption = f"Over {_ATTACKS[found.document.attacks]}. ± SD over sites. The paper's are quoted, not adjusted to."
    return PageSection("paper", "Beside the paper", tables=(quoted_table(numbers, caption=caption),))


def _figures(study: Study, found: FoundPreferences, driven: DrivenRates | None) -> PageSection | None:
    if driven is None or found.attacks is None:
        return None
    return PageSection(
        "figures",
        "Category preference under attack",
        wide=(*_pictures(found, driven), *_rasters(study, found), _curves(driven, found)),
    )


def _pictures(found: FoundPreferences, driven: DrivenRates) -> tuple[Plate, ...]:
    attacks = found.attacks
    if attacks is None:
        return ()
    site = attacks.sample if attacks.sample in driven.sites else driven.sites[0]
    place = found.sites["neuroid_id"].tolist().index(site)
    rows = picture_rows(attacks, site, preferred=str(found.sites["preferred"][place]))
    sizes = " and ".join(f"{epsilon:g}" for epsilon in shown_epsilons(attacks.epsilons))
    caption = (
        f"As the paper's Figure 2A, of site {site}, day {attacks.day}: images of its preferred category, images of "
        f"categories that it does not prefer, and these attacked at ε = {sizes}. Below each its category, and the "
        "site's mean rate to it. The bytes on the screen, enlarged."
    )
    return (
        plate(
            draw_pictures(rows), "What the sample site was shown (Figure 2A)", caption=caption, least_width_px=_WIDE_PX
        ),
    )


def _rasters(study: Study, found: FoundPreferences) -> tuple[Plate, ...]:
    attacks = found.attacks
    examples = attacks.study.evaluation(attacks.day).rasters if attacks else ()
    if attacks is None or not examples:
        return ()
    chosen = (
        "a typical site and image: its rise at the largest ε is the median over sites, and the image's over its images"
        if attacks.kind == "least_preferred"
        else "an extreme example: the image that an attack raised most of all, below the single clean image that the "
        "site answered most (“preferred”), of whatever category"
    )
    recording = study.protocol.recording
    caption = (
        f"As the paper's Figure 2B, of site {examples[0].neuroid_id}: {chosen}. One row per presentation, black for "
        "clean images, blue for attacked ones; the bar is the image on the screen, the shade the counting window "
        f"[{recording.window_start_ms:g}, {recording.window_stop_ms:g}) ms."
    )
    figure = rasters(examples, study.protocol)
    return (plate(figure, "Spike rasters (Figure 2B)", caption=caption, least_width_px=_WIDE_PX),)


def _curves(driven: DrivenRates, found: FoundPreferences) -> Plate:
    caption = (
        f"As the paper's Figure 2C, over {_ATTACKS[found.document.attacks]}: {count(int(driven.n_images.sum()))} "
        f"images of {len(driven.sites)} sites, the same at every ε. Right: the rise of each image over its clean twin. "
        "Light: single sites. Dark: mean over sites, with 95 % intervals over sites. Red: preferred level, "
        + ("by fresh images" if driven.source == "fresh" else "cross-validated")
        + f", mean ± SD over sites; crosses where single sites reach theirs. {reached_words(driven)}."
    )
    title = "Rates against the preferred category (Figure 2C)"
    return plate(rates(driven), title, caption=caption, least_width_px=_WIDE_PX)


def _sites(found: FoundPreferences) -> PageSection:
    return PageSection("sites", "The sites", tables=(_preferences(found.sites),), folded=_folded(found))


def _preferences(table: Columns) -> Table:
    return preferences_table(table["neuroid_id"].tolist(), _rows(table), unit="Hz", over="the days' clean images")


def _folded(found: FoundPreferences) -> tuple[tuple[str, Table], ...]:
    if found.attacks is None:
        return ()
    at_each = {
        site: {float(row["epsilon"]): row["rate_hz"] for row in _rows(found.rates) if row["neuroid_id"] == site}
        for site in dict.fromkeys(found.rates["neuroid_id"].tolist())
    }
    epsilons = (0.0, *found.attacks.epsilons)
    table = Table(
        columns=(
            *("", "level (Hz)", "ε reached", "95 % interval"),
            *(f"ε = {epsilon:g}" if epsilon else "clean" for epsilon in epsilons),
            "images (n)",
        ),
        rows=tuple(
            (
                row["neuroid_id"],
                with_interval(row, "level_hz", "level_low_hz", "level_high_hz"),
                _epsilon(row["epsilon_reached"], epsilons[-1]),
                _interval(row, epsilons[-1]),
                *(rate(at_each[row["neuroid_id"]][epsilon]) for epsilon in epsilons),
                count(row["n_attacked_images"]),
            )
            for row in _rows(found.sites)
            if row["neuroid_id"] in at_each
        ),
        caption="Mean rates over the same images at every ε (Hz). A site that never reaches its level is censored: all "
        "that is known is that it takes more than the largest ε.",
    )
    return (("When each site reaches its preferred level", table),)


def _epsilon(value: float, largest: float) -> str:
    return DASH if math.isnan(value) else number(value) if math.isfinite(value) else f"> {largest:g}"


def _interval(row: dict[str, Any], largest: float) -> str:
    low, high = row["epsilon_low"], row["epsilon_high"]
    return DASH if math.isnan(low) else f"{_epsilon(low, largest)} to {_epsilon(high, largest)}"


def _rows(table: Columns) -> list[dict[str, Any]]:
    n = len(next(iter(table.values())))
    return [{name: column[place].item() for name, column in table.items()} for place in range(n)]


def _definitions() -> Table:
    return Table(columns=("", "the paper's words", "here"), rows=_SENTENCES, caption="", prose=True)


def _facts(found: FoundPreferences) -> tuple[tuple[str, str], ...]:
    document = found.document
    days = ", ".join(str(day) for day in document.days)
    attacks = "none" if document.attack_day is None else f"day {document.attack_day}: {_ATTACKS[document.attacks]}"
    return (
        ("Study", f"{document.subject}, protocol {document.protocol}"),
        (
            "Clean images",
            f"{count(document.n_images)} of {count(document.n_categories)} categories, days {days}, rates on the scale "
            f"of day {document.attack_day if document.attack_day is not None else document.days[0]}",
        ),
        ("Attacks", attacks),
        ("Versions", f"closedloop {document.code_version}, seed {document.seed}"),
    )
