"""The protocol's section on single images: a few sites, many images, many repetitions (section 2, Figure 3B)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import Count, DayNumber, Epsilon, RepetitionsOfPairs, check_epsilons

REPEATED = "repeated"
"""Kind of such an attack, and role of its clean image.

Estimators of all sites count the kind ``attacked`` and the role ``clean`` alone, so that no three sites outweigh the
others there; and no model is fitted to these images.
"""


class ImageSensitivity(Section):
    """Images that several sites share, each attacked for each of these sites and shown many times; none by default.

    "by recording additional trials (10 repeats) to obtain a cleaner estimate on a subset of 100 images for three neural
    sites" (section 2).
    """

    days: tuple[DayNumber, ...] = Field(
        default=(), max_length=100, description="days that show them, from day 1 on: sites are chosen on day 0"
    )
    n_sites: Count = Field(default=3, description="sites, the most reliable ones of day 0 that are still attacked")
    n_images: Count = Field(default=100, description="fresh clean images of such a day, attacked for each of the sites")
    repetitions: RepetitionsOfPairs = Field(default=10, description="showings of each image, clean and attacked")
    epsilons: tuple[Epsilon, ...] = Field(
        default=(), max_length=100, description="L2 norms on a 224 x 224 x 3 image; left out: those of attack"
    )

    def images_of(self, day: int) -> int:
        """Return how many fresh clean images a day shows for this."""
        return self.n_images if day in self.days else 0

    def attacks_of(self, day: int, *, epsilons: Sequence[float], n_sites: int) -> int:
        """Count the attacked images of a day.

        Parameters
        ----------
        day
            Which.
        epsilons
            Of the section attack, which stand where this one has none.
        n_sites
            That are attacked at all.
        """
        return self.images_of(day) * min(self.n_sites, n_sites) * len(self.epsilons or epsilons)

    def presentations_of(self, day: int, *, epsilons: Sequence[float], n_sites: int) -> int:
        """Count the presentations of a day, clean and attacked.

        Parameters
        ----------
        day, epsilons, n_sites
            See `attacks_of`.
        """
        n_attacks = self.attacks_of(day, epsilons=epsilons, n_sites=n_sites)
        return (self.images_of(day) + n_attacks) * self.repetitions

    @model_validator(mode="after")
    def _can_be(self) -> ImageSensitivity:
        if 0 in self.days:
            raise ValueError("days: expected days from 1 on, as day 0 chooses the sites, found 0. Leave it out")
        check_epsilons(self.epsilons)
        return self
