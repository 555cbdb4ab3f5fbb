"""What a study of recipes compares, and the names of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import ProtocolError
from closedloop.studies.files import ResultsFolder
from closedloop.studies.recipe.recipes import Recipe
from closedloop.studies.simulated_subject import StudySubject


@dataclass(frozen=True)
class RecipeComparison:
    """What to compare.

    Attributes
    ----------
    recipes
        At least one; names differ.
    subjects
        Names of simulated subjects; "simulated" with seed 2022 is the dry run's cortex.
    n_days
        At least two: a model of day 0 is judged on day 1.
    seed
        Of the subjects and of every draw.
    n_sites, n_anchors, anchors_a_site
        Of a subject: 252 pairs of a site and an anchor.
    """

    recipes: tuple[Recipe, ...]
    subjects: tuple[str, ...] = ("simulated",)
    n_days: int = 6
    seed: int = 2022
    n_sites: int = 21
    n_anchors: int = 84
    anchors_a_site: int = 12

    def __post_init__(self) -> None:
        names = [recipe.name for recipe in self.recipes]
        if not names or len(set(names)) < len(names):
            raise ProtocolError(f"recipes: expected one or more with different names, found {names}. Rename one.")
        if not self.subjects or len(set(self.subjects)) < len(self.subjects) or self.n_days < 2:
            raise ProtocolError("recipes: expected different subjects and at least two days. Correct them.")

    def subject(self, name: str) -> StudySubject:
        """Return a subject by its name."""
        return StudySubject(name, self.seed, self.n_sites, self.n_anchors, self.anchors_a_site)


@dataclass(frozen=True)
class RecipeFiles(ResultsFolder):
    """The files of a study."""

    @property
    def days(self) -> Path:
        """A row per (recipe, subject, day, epsilon)."""
        return self.folder / "recipe_days.parquet"
