"""The protocol's section on planes of images: how a few sites' responses bend around one clean image each."""

from __future__ import annotations

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import Count, DayNumber, Epsilon, RepetitionsOfPairs

PLANE = "plane"
"""Kind of such an image, and role of the clean one in its middle.

It is in no estimate of all sites and no SD over clean images, and no model is fitted to it.
"""

_LEAST_SIDE, _MOST_SIDE = 3, 31
_LEAST_EXTENT, _MOST_EXTENT = 1.0, 100.0  # images reach .97 of it; .6 to .7, a third of it beside the plane


class ImagePlanes(Section):
    """Images of a plane through a clean image, one plane a site; none by default.

    A plane is spanned by the direction in which the day's model has the site's gradient and by that along which, as the
    model has it, the surface of equal response bends most. Both are hypotheses: the site's own directions are others.
    """

    days: tuple[DayNumber, ...] = Field(
        default=(), max_length=100, description="days that show them, from day 1 on: sites are chosen on day 0"
    )
    n_sites: Count = Field(
        default=3, description="sites, the most reliable ones of day 0 that are still attacked, with one image each"
    )
    side: int = Field(
        default=9, ge=_LEAST_SIDE, le=_MOST_SIDE, description="images along either side of the square; odd"
    )
    extent: Epsilon = Field(
        default=30.0,
        description="from the clean image to the middle of each side, L2 norm on a 224 x 224 x 3 image; the smaller, "
        "the nearer to the image's own curvature, and the less sure",
    )
    scale: Epsilon = Field(
        default=10.0, description="at which the model is asked along which direction the surface bends, likewise"
    )
    repetitions: RepetitionsOfPairs = Field(default=10, description="showings of each image")

    @property
    def places(self) -> tuple[tuple[float, float], ...]:
        """Where on its two directions each changed image lies, row by row, the clean one in the middle left out."""
        half = self.side // 2
        steps = [self.extent * (place - half) / half for place in range(self.side)]
        return tuple((along, across) for along in steps for across in steps if along or across)

    def planes_of(self, day: int) -> int:
        """Return how many planes a day shows, each around a fresh clean image."""
        return self.n_sites if day in self.days else 0

    def presentations_of(self, day: int) -> int:
        """Count the presentations of a day, clean and changed."""
        return self.planes_of(day) * self.side**2 * self.repetitions

    @model_validator(mode="after")
    def _can_be(self) -> ImagePlanes:
        if not _LEAST_EXTENT <= self.extent <= _MOST_EXTENT:
            raise ValueError(
                f"extent: expected {_LEAST_EXTENT:g} to {_MOST_EXTENT:g}, as below it whole grey levels carry no plane "
                f"and above it black and white cut it off, found {self.extent:g}. Correct it"
            )
        if 0 in self.days:
            raise ValueError("days: expected days from 1 on, as day 0 chooses the sites, found 0. Leave it out")
        if self.side % 2 == 0:
            raise ValueError(
                f"side: expected an odd number, with the clean image in the middle, found {self.side}. Add one"
            )
        return self
