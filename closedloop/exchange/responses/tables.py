"""Responses as one wide table, and their sites as another: parquet, or text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.tables import csv_writer, table_writer
from closedloop.exchange.responses.gathered import PRESENTATION_COLUMNS, SITE_COLUMNS, StudyResponses

KIND = "exported_responses"

_RESPONSE = Column("float64", "spikes", "spikes in the window; missing where the presentation does not count")


def write_tables(
    presentations: Path,
    sites: Path,
    found: StudyResponses,
    *,
    as_text: bool,
    simulated: bool,
    attributes: Mapping[str, str],
) -> None:
    """Write a row a presentation with a column for each site, and a row a session and site.

    Parameters
    ----------
    presentations, sites
        Files to write.
    found
        The responses.
    as_text
        As CSV, not parquet. A missing number is nothing between two commas.
    simulated
        The mark of simulated data.
    attributes
        More metadata of the parquet files.
    """
    responses = {name: found.counts[:, place] for place, name in enumerate(found.sites)}
    of_sites = dict.fromkeys(found.sites, _RESPONSE)
    for file, kind, columns, values in (
        (presentations, KIND, {**PRESENTATION_COLUMNS, **of_sites}, {**found.presentations, **responses}),
        (sites, f"{KIND}_sites", SITE_COLUMNS, found.electrodes),
    ):
        layout = TableLayout(kind, columns)
        if as_text:
            with csv_writer(file, layout, simulated=simulated) as write:
                write(
                    {name: np.ma.masked_invalid(one) if one.dtype.kind == "f" else one for name, one in values.items()}
                )
        else:
            with table_writer(file, layout, simulated=simulated, attributes=attributes) as write:
                write(values)
