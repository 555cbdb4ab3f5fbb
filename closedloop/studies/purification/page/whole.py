"""The page of the study, from its files."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.tables import read_table
from closedloop.defenses.labelled import RENDERED
from closedloop.report import drawing
from closedloop.report.layout import Page, PageSection, plate, render
from closedloop.report.wording import count
from closedloop.studies.purification.documents import (
    DEFENSE_ACCURACY,
    RECALL_ACCURACY,
    SITE_RETURN,
    PurificationStudy,
)
from closedloop.studies.purification.page.figures import pictures_figure
from closedloop.studies.purification.page.pictures import RecallRow
from closedloop.studies.purification.page.sections import (
    accuracy_section,
    definitions_section,
    recalls_section,
    short_section,
    slides_section,
    unlearned_words,
)
from closedloop.studies.purification.settings import PurificationFiles
from closedloop.studies.purification.sites.plan import SiteQuestion
from closedloop.studies.purification.sites.section import sites_section

_SOURCE = "Source: E. Ballarin, “CounterAdversarial Recall of Synthetic Observations”, slides, 30 October 2022."
_PICTURES_PX = 760


def purification_page(
    files: PurificationFiles, rows: Sequence[RecallRow], question: SiteQuestion | None, *, command: str
) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    files
        Settings and tables.
    rows
        Pictures to show.
    question
        Attacks on sites and decoders, finished; None: sites were not asked.
    command
        The command line that the page shows.

    Raises
    ------
    DocumentError
        A file is missing or damaged.
    """
    document = PurificationStudy.read(files.settings)
    accuracy, recalls = read_table(files.accuracy, DEFENSE_ACCURACY), read_table(files.recalls, RECALL_ACCURACY)
    with drawing.style():
        sections = (
            short_section(document, accuracy),
            accuracy_section(document, accuracy),
            slides_section(document, accuracy),
            _pictures(document, rows),
            recalls_section(document, recalls),
            *(() if question is None else (sites_section(read_table(files.sites, SITE_RETURN), *question),)),
            definitions_section(document),
        )
    return render(
        Page(
            title="Purification by sampled recalls (CARSO)",
            subtitle="Does a classifier that reads recalls of an image withstand attacks, and still where the attack "
            "knows of the recalls?",
            facts=_facts(document),
            command=command,
            simulated=False,
            notices=tuple(filter(None, (unlearned_words(document, accuracy), *_notices(document)))),
            links=(),
            sections=sections,
            source=_SOURCE,
        )
    )


def _pictures(document: PurificationStudy, rows: Sequence[RecallRow]) -> PageSection:
    caption = (
        f"Test images, attacked at ε = {document.radii[1]:g} by PGD (on the classifier) and by the adaptive attack "
        "(through the recalls), each followed by recalls of it. Below images what the classifier reads, below recalls "
        "what the mode of all recalls says; red where it is wrong."
    )
    figure = plate(
        pictures_figure(rows), "Images and what is recalled of them", caption=caption, least_width_px=_PICTURES_PX
    )
    return PageSection("pictures", "What is recalled", wide=(figure,))


def _notices(document: PurificationStudy) -> tuple[str, ...]:
    if document.data != RENDERED:
        return ()
    return (
        "No photographs or digits: the images are rendered here, of objects that lie anywhere in them, on which a "
        "fully connected classifier is poor. Debian's package dataset-fashion-mnist, or --data, gives better ones.",
    )


def _facts(document: PurificationStudy) -> tuple[tuple[str, str], ...]:
    height, width = document.side_px
    n = document.n_repeated
    repeated = f"; {count(n)} left out, as they are trained on" if n else ""
    return (
        ("images", f"{document.data}, {height} × {width} grey values, {len(document.classes)} classes"),
        ("trained on", f"{count(document.n_train)} images, {document.epochs} pass{'es' * (document.epochs > 1)}"),
        ("attacked", f"{count(document.n_test)} other images{repeated}"),
        ("recalls", f"{count(document.recalls)} of an image"),
        ("seed", str(document.seed)),
    )
