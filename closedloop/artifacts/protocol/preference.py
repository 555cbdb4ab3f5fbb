"""The protocol's section on category preference: images of categories that a site likes least, attacked to raise it."""

from __future__ import annotations

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import Count, CountOrNone, Epsilon, RepetitionsOfPairs, check_epsilons

_ROLES = 2  # of a site's images: of its preferred category, and of those it likes least


class Preference(Section):
    """Attacks that raise a site on images of its least preferred categories (section 2, Figure 2); none by default.

    The queue of the day before chooses the categories by all days before, and draws fresh images of them: as many of
    the preferred one, shown clean, as of the least preferred ones, shown clean and attacked. They enter no estimate of
    sensitivity and no SD over clean images; afterwards they are fitted, as fresh images and attacks on them are.
    """

    images_per_site: CountOrNone = Field(
        default=0, description="fresh images a site of its least preferred categories, and as many of its preferred one"
    )
    n_categories: Count = Field(default=3, description="least preferred categories that a site's images are of")
    epsilons: tuple[Epsilon, ...] = Field(
        default=(), max_length=100, description="L2 norms of these attacks, ascending; left out: those of attack"
    )
    repetitions: RepetitionsOfPairs = Field(
        default=2, description="showings of each of these images, clean or attacked"
    )
    first_day: int = Field(
        default=1, ge=1, le=99, description="day from which on there are any: the days before say which categories"
    )

    def images_on(self, day: int) -> int:
        """Return how many images of its least preferred categories a site has on a day."""
        return self.images_per_site if day >= self.first_day else 0

    def clean_on(self, day: int, *, n_sites: int) -> int:
        """Return how many fresh clean images a day shows for it."""
        return _ROLES * self.images_on(day) * n_sites

    def attacks_on(self, day: int, *, n_sites: int, epsilons: tuple[float, ...]) -> int:
        """Return how many attacked images a day shows for it.

        Parameters
        ----------
        day
            Which.
        n_sites
            Sites that have a preference.
        epsilons
            Of the section attack, where this one has none of its own.
        """
        return self.images_on(day) * n_sites * len(self.epsilons or epsilons)

    def presentations_on(self, day: int, *, n_sites: int, epsilons: tuple[float, ...]) -> int:
        """Return how many presentations that is, repetitions included.

        Parameters
        ----------
        day, n_sites, epsilons
            As of `attacks_on`.
        """
        shown = self.clean_on(day, n_sites=n_sites) + self.attacks_on(day, n_sites=n_sites, epsilons=epsilons)
        return shown * self.repetitions

    @model_validator(mode="after")
    def _ascending(self) -> Preference:
        check_epsilons(self.epsilons)
        return self
