"""A comparison of recipes from the options to a folder of results, and the lines that sum it up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.artifacts.tables import Columns, read_table
from closedloop.attacks.engine.devices import own_workers
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import parse_workers
from closedloop.plain_text.printed import command_line
from closedloop.storage import write_bytes
from closedloop.studies.recipe.documents import RECIPE_DAYS, RecipeStudy
from closedloop.studies.recipe.judge import EPSILONS
from closedloop.studies.recipe.measure import compare_recipes
from closedloop.studies.recipe.page import recipes_page
from closedloop.studies.recipe.settings import RecipeComparison, StudyFiles
from closedloop.studies.recipe.tables import ALL_SUBJECTS, COSINE
