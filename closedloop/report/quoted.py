"""Numbers beside the paper's: what was found, whether measured or simulated, and the sentence behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from closedloop.report.tables import Table

Origin: TypeAlias = Literal["measured", "simulated", "computed"]
"""Where a number is from: an animal's recordings, those of a simulated one, or networks alone."""


@dataclass(frozen=True)
class QuotedNumber:
    """A number of a study beside the paper's.

    Attributes
    ----------
    what
        What it is, with its unit.
    found
        As text, with its interval; a dash where the data do not say.
    origin
        Of what was found.
    paper
        The paper's number, as the paper has it; empty where it gives none.
    sentence
        The paper's own words that the number goes back to.
    place
        Where they stand, such as ``section 2``.
    """

    what: str
    found: str
    origin: Origin
    paper: str
    sentence: str
    place: str


def origin_of(*, simulated: bool) -> Origin:
    """Return where the numbers of a study of an animal are from."""
    return "simulated" if simulated else "measured"


def quoted_table(numbers: Sequence[QuotedNumber], *, caption: str, source: str = "Guo et al. 2022") -> Table:
    """Return a table with a row a number: what was found, where it is from, the paper's number and its sentence.

    Parameters
    ----------
    numbers
        In the order of the rows.
    caption
        What the numbers are of.
    source
        Whose numbers and sentences stand beside them.

    Examples
    --------
    >>> row = QuotedNumber("growth", "2.1", "simulated", "2.7", "there was a 2.7 fold increase", "section 3.1")
    >>> quoted_table([row], caption="").rows
    (('growth', '2.1', 'simulated', '2.7', '“there was a 2.7 fold increase” (section 3.1)'),)
    """
    return Table(
        columns=("", "here", "here it is", source, "the sentence behind it"),
        rows=tuple(
            (one.what, one.found, one.origin, one.paper or "–", f"“{one.sentence}” ({one.place})") for one in numbers
        ),
        caption=caption,
        prose=True,
    )
