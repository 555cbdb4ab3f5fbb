"""What the rig computer must not need: rooms of closedloop beyond the documents, or the laboratory's libraries."""

from __future__ import annotations

import pytest

from tests.architecture.house import CODE, imports_of

ALLOWED = {f"closedloop.{room}" for room in ("artifacts", "confined", "errors", "plain_text", "storage", "terminal")}
FOREIGN = {"torch", "scipy", "matplotlib", "neo", "numba", "pandas"}
RIG_FILES = [path for path in CODE if path.startswith("rig/")]


@pytest.mark.parametrize("path", RIG_FILES)
def test_a_file_of_the_rig_imports_the_ground_and_the_documents_alone(path: str) -> None:
    of_closedloop = [name for name in imports_of(CODE[path]) if name.partition(".")[0] == "closedloop"]
    strangers = [name for name in of_closedloop if ".".join(name.split(".")[:2]) not in ALLOWED]
    assert not strangers


@pytest.mark.parametrize("path", RIG_FILES)
def test_a_file_of_the_rig_imports_none_of_the_laboratory_s_libraries(path: str) -> None:
    assert not {name.partition(".")[0] for name in imports_of(CODE[path])} & FOREIGN
