"""Part of the panel over days: the sites of the model, as each day recorded them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import median

from closedloop.artifacts.day.responses import Site
from closedloop.report.tables import Table
from closedloop.report.wording import count, number, percent
from closedloop.service.charts import Chart, ChartLevel, ChartLine, known, side_by_side
from closedloop.service.over_days.numbers import DayNumbers, StudyNumbers
from closedloop.service.over_days.sections import SectionWithCharts, section_of

SPREAD = 0.4  # days, from the first to the last of what is drawn side by side


def sites_section(numbers: StudyNumbers, days: Sequence[DayNumbers]) -> SectionWithCharts | None:
    """Return reliability, rates and yield of the model's sites, day by day; None before a day is ingested."""
    recorded = [day for day in days if day.sites is not None]
    if not recorded:
        return None
    least = numbers.protocol.sites.min_reliability if numbers.protocol else None
    return section_of(
        "sites",
        "Sites and recording",
        " ".join(("The sites of the model, chosen on day 0, as each day recorded them.", *_left_out(recorded))),
        charts=(
            _by_site(
                recorded,
                lambda site: site.reliability,
                name="reliability",
                title="Reliability",
                y_label="split-half reliability",
                least=least,
            ),
            _by_site(recorded, lambda site: site.mean_rate_hz, name="rates", title="Rates", y_label="mean rate (Hz)"),
            _yield(recorded, least),
        ),
        tables=(_sites_table(recorded, least),),
    )


def _chosen(day: DayNumbers) -> tuple[Site, ...]:
    """Return the model's sites that count on a day."""
    sites = day.sites.chosen() if day.sites else ()
    return tuple(site for site in sites if not day.uncounted.covers_site(site.neuroid_id))


def _left_out(days: Sequence[DayNumbers]) -> Iterator[str]:
    """Say of each day what of it does not count, and who decided so."""
    for day in days:
        note = day.uncounted.note(site.neuroid_id for site in (day.sites.chosen() if day.sites else ()))
        words = [f"{note[0].upper()}{note[1:]} on {day.session.said}."] if note else []
        if day.uncounted.is_whole:
            words = [f"Nothing of {day.session.said} counts: left out by {day.uncounted.deciders()}."]
        yield from words


def _by_site(
    days: Sequence[DayNumbers],
    value: Callable[[Site], float | None],
    *,
    name: str,
    title: str,
    y_label: str,
    least: float | None = None,
) -> Chart:
    """Return a chart of what each site had on each day, with the median over sites.

    Parameters
    ----------
    days
        Ascending.
    value
        What is drawn of a site.
    name, title, y_label
        Of the chart.
    least
        What a site had to reach on day 0, where there is such a bound.
    """
    by_day = [{site.neuroid_id: value(site) for site in _chosen(day)} for day in days]
    names = list(dict.fromkeys(name for sites in by_day for name in sites))
    medians = [median_of(sites.values()) for sites in by_day]
    levels = [ChartLevel(f"median of day {days[0].day}", medians[0])] if medians[0] is not None else []
    levels += [ChartLevel("least of a site on day 0", least)] if least is not None else []
    return Chart(
        name,
        title,
        "day",
        y_label,
        x=tuple(float(day.day) for day in days),
        lines=(
            ChartLine("median over sites", known(medians), short="median", look="site", mark="circle", dash="solid"),
            *faint_lines(by_day),
        ),
        levels=tuple(levels),
        lowest=0.0 if all(one is None or one >= 0 for sites in by_day for one in sites.values()) else None,
        faint_label=f"single sites (n = {len(names)})",
    )


def _yield(days: Sequence[DayNumbers], least: float | None) -> Chart:
    recorded = [sum(_is_recorded(site) for site in _chosen(day)) for day in days]
    reliable = [_n_reliable(_chosen(day), least) for day in days]
    lines = [
        ChartLine("recorded", tuple(recorded), short="recorded", look="site", mark="circle", dash="solid"),
        ChartLine("reliable enough", tuple(reliable), short="reliable", look="second", mark="diamond", dash="dashed"),
    ]
    return Chart(
        "yield",
        "Yield",
        "day",
        "sites",
        x=tuple(float(day.day) for day in days),
        lines=side_by_side(lines, spread=0.2),
        levels=(ChartLevel("sites of the model", float(max(len(_chosen(day)) for day in days))),),
        lowest=0.0,
    )


def _is_recorded(site: Site) -> bool:
    return site.mean_rate_hz is not None


def _n_reliable(sites: Sequence[Site], least: float | None) -> int:
    bound = 0.0 if least is None else least
    return sum(site.reliability is not None and site.reliability >= bound for site in sites)


def _sites_table(days: Sequence[DayNumbers], least: float | None) -> Table:
    first = {site.neuroid_id: site for site in _chosen(days[0])}
    return Table(
        columns=(
            "",
            "recorded",
            "reliable",
            "reliability",
            f"against day {days[0].day}",
            "rate",
            f"of day {days[0].day}",
            "used / presented",
        ),
        rows=tuple(_sites_line(day, first, least) for day in days),
        caption="Of the sites of the model. Recorded: with a response; reliable: at least "
        + (f"{least:g}, what a site had to reach on day 0" if least is not None else "0")
        + ". Reliability and rate: medians over sites; against day "
        f"{days[0].day}: medians over sites of each site's difference, and of its ratio.",
    )


def _sites_line(day: DayNumbers, first: dict[str, Site], least: float | None) -> tuple[str, ...]:
    sites = _chosen(day)
    both = [(site, first[site.neuroid_id]) for site in sites if site.neuroid_id in first]
    differences = [
        now.reliability - then.reliability
        for now, then in both
        if now.reliability is not None and then.reliability is not None
    ]
    ratios = [now.mean_rate_hz / then.mean_rate_hz for now, then in both if now.mean_rate_hz and then.mean_rate_hz]
    quality = day.quality
    return (
        f"day {day.day}",
        f"{sum(_is_recorded(site) for site in sites)} of {len(sites)}",
        f"{_n_reliable(sites, least)} of {len(sites)}",
        number(median_of(site.reliability for site in sites)),
        number(median_of(differences)),
        number(median_of(site.mean_rate_hz for site in sites), unit="Hz"),
        percent(median_of(ratios)),
        f"{count(quality.n_used if quality else None)} / {count(quality.n_presented if quality else None)}",
    )


def faint_lines(by_day: Sequence[Mapping[str, float | None]]) -> tuple[ChartLine, ...]:
    """Return a line a site, side by side behind the median, in the order of the model's outputs."""
    names = list(dict.fromkeys(name for sites in by_day for name in sites))
    lines = [
        ChartLine(name, known(sites.get(name) for sites in by_day), look="faint", mark="dot", dash="none")
        for name in names
    ]
    return side_by_side(lines, spread=SPREAD)


def median_of(values: Iterable[float | None]) -> float | None:
    """Return the median of what is known; None where nothing is."""
    found = [value for value in values if value is not None]
    return median(found) if found else None
