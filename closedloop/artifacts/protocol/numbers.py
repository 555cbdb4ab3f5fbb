"""Kinds of numbers and names in a protocol, and in the session that follows from it, each with its bounds.

The bounds are wide: what a laboratory could mean is inside. What is outside is a slip (a unit, a zero too many), and
would be found only after hours, or after an animal's day, or never: by a rig that waits without end.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

MOST_SESSIONS = 9_999  # of a day: day-03.9999
MOST_OF_PATH = 4_096
"""Characters of a path: Linux's own limit."""


Name = Annotated[str, Field(max_length=255)]
"""What files, pages and lines are called by."""


Fraction = Annotated[float, Field(ge=0, le=1)]


Seldom = Annotated[float, Field(ge=0, le=0.99)]
"""A probability of what spoils a trial: of a certain one no session would ever end."""


Count = Annotated[int, Field(ge=1, le=1_000_000)]


CountOrNone = Annotated[int, Field(ge=0, le=1_000_000)]


Repetitions = Annotated[int, Field(ge=1, le=1_000)]


RepetitionsOfPairs = Annotated[int, Field(ge=2, le=1_000)]


GradientSteps = Annotated[int, Field(ge=1, le=100_000)]
"""Gradient steps: a thousand times the paper's."""


BatchSize = Annotated[int, Field(ge=1, le=65_536)]


Days = Annotated[int, Field(ge=1, le=100)]
"""Recording days: two digits name a day's folder."""


MOST_ROUNDS = 24  # of a day: of more the animal would wait longer than it works

Rounds = Annotated[int, Field(ge=1, le=MOST_ROUNDS)]
"""Sessions that a recording day is cut into."""


DayNumber = Annotated[int, Field(ge=0, le=99)]


Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""63 bits: what torch and numpy both take."""


Epsilon = Annotated[float, Field(gt=0, le=1_000)]
"""L2 norm on 224 x 224 x 3 pixels in [0, 1]: from a black image to a white one it is 388."""


def check_epsilons(epsilons: Sequence[float]) -> None:
    """Refuse epsilons that do not ascend, or that two images would have the same name by.

    Parameters
    ----------
    epsilons
        Of a section.

    Raises
    ------
    ValueError
        They are such.
    """
    if any(after <= before for before, after in itertools.pairwise(epsilons)):
        raise ValueError(f"epsilons: expected ascending values, found {list(epsilons)}. Sort them")
    if len({f"{epsilon:g}" for epsilon in epsilons}) < len(epsilons):
        raise ValueError(
            f"epsilons: expected values that differ in their first six digits, which name them everywhere, found "
            f"{list(epsilons)}. Leave one out"
        )


TargetLevel = Annotated[float, Field(ge=-1_000, le=1_000)]
"""A response to be reached: SD above the mean of natural images' responses, or a percentile of them."""


StepFraction = Annotated[float, Field(ge=1e-6, le=100)]


LearningRate = Annotated[float, Field(ge=1e-12, le=10)]


Regularization = Annotated[float, Field(ge=1e-12, le=1e6)]


RefreshRate = Annotated[float, Field(ge=10, le=1_000)]


ShownMs = Annotated[float, Field(gt=0, le=60_000)]


WaitMs = Annotated[float, Field(ge=0, le=600_000)]


PositiveWaitMs = Annotated[float, Field(gt=0, le=600_000)]


AroundOnsetMs = Annotated[float, Field(ge=-10_000, le=10_000)]


FramesShown = Annotated[int, Field(ge=1, le=60_000)]
"""A minute on a screen of 1,000 frames per second."""


FramesOfGrey = Annotated[int, Field(ge=0, le=60_000)]


ScreenSide = Annotated[int, Field(ge=1, le=32_768)]


ScreenPatch = Annotated[int, Field(ge=0, le=32_768)]


ImageSide = Annotated[int, Field(ge=8, le=1_024)]


PixelCm = Annotated[float, Field(ge=0.0005, le=10)]
"""From a microdisplay's pixel to a projector's."""


ImageScale = Annotated[int, Field(ge=1, le=1_000)]


VisualAngle = Annotated[float, Field(ge=0.01, lt=180)]


WindowDeg = Annotated[float, Field(ge=0.01, le=90)]


GazeSamples = Annotated[int, Field(ge=1, le=10_000)]


PresentationsOfTrial = Annotated[int, Field(ge=1, le=10_000)]
