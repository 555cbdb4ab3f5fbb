"""Presentations and responses of a session that count in its evaluation."""

from __future__ import annotations

import pandas as pd

from closedloop.access.study import Study


def counted_responses(seen: Study, day: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a session's presentations and the responses to them, without what people left out of the evaluation.

    A presentation of which no site's response is left is not ``used``.

    Parameters
    ----------
    seen
        The study, seen from the session.
    day
        Its day.
    """
    shown, responses = seen.presentations(day), seen.responses(day, evaluated=True)
    return shown.assign(used=shown["used"] & responses.notna().any(axis=1)), responses
