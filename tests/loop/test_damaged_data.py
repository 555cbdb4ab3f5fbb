"""What people bring is damaged in every way we know: the right counts or one line, nothing lost, nothing silent."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from closedloop.artifacts.study import StudyPaths
from closedloop.study.create import Request, create_study
from tests.loop.damaged.answers import Damage, answer_of, brought, n_counted, wrong_counts
from tests.loop.damaged.table import DAMAGES
from tests.loop.real_study import PROTOCOL, SUBJECT, RealStudy, make_real_study, write_photographs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Studies = Callable[[str], RealStudy]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Studies:
    """The studies whose data are to be damaged, each made when it is first asked for; to be copied, never changed."""
    made: dict[str, RealStudy] = {}
    makers = {"one array": _one_array, "two arrays": _two_arrays, "second day": _second_day}

    def of(name: str) -> RealStudy:
        if name not in made:
            made[name] = makers[name](tmp_path_factory.mktemp(name.replace(" ", "_")) / "study")
        return made[name]

    return of


@pytest.fixture(scope="session")
def ingested(whole: Studies, tmp_path_factory: pytest.TempPathFactory) -> Studies:
    """The same, ingested undamaged."""
    made: dict[str, RealStudy] = {}

    def of(name: str) -> RealStudy:
        if name not in made:
            made[name] = _copy(whole(name), tmp_path_factory.mktemp("ingested"))
            found = answer_of(made[name], int(name == "second day"))
            assert found.answer == "right", found
        return made[name]

    return of


@pytest.mark.parametrize("damage", [pytest.param(one, id=one.name) for one in DAMAGES if one.study != "new"])
def test_damaged_data_are_never_taken_in_silence(
    damage: Damage, whole: Studies, ingested: Studies, tmp_path: Path
) -> None:
    real = _copy(whole(damage.study), tmp_path)
    damage.do(real)
    before = brought(real, damage.day)
    found = answer_of(real, damage.day)
    assert brought(real, damage.day) == before, "what a person brought was changed"
    assert found.answer == damage.answer, found.text
    assert re.search(damage.says, found.text), found.text
    if found.answer == "right":
        assert wrong_counts(real, ingested(damage.study), damage.day) == 0
        assert n_counted(real, damage.day) > 0
    else:
        _is_one_line_that_loses_nothing(found.text)


@pytest.mark.parametrize("damage", [pytest.param(one, id=one.name) for one in DAMAGES if one.study == "new"])
def test_damaged_photographs_are_never_shown(damage: Damage, tmp_path: Path) -> None:
    photographs = write_photographs(tmp_path / "study-photographs")
    request = Request(
        root=tmp_path / "study", subject=SUBJECT, simulated=False, protocol=str(PROTOCOL), images=photographs
    )
    real = RealStudy(create_study(request))
    damage.do(real)
    found = answer_of(real, 0)
    assert found.answer == damage.answer, found.text
    assert re.search(damage.says, found.text), found.text
    _is_one_line_that_loses_nothing(found.text)


def _is_one_line_that_loses_nothing(text: str) -> None:
    assert len(text.splitlines()) == 1, text
    assert not re.search(r"\b([Rr]emove|[Dd]elete) (the|this|that|it|\S*/(present|recording))", text), text


def _one_array(root: Path) -> RealStudy:
    real = make_real_study(root, nsx=("ns6",))
    real.day_of_data()
    return real


def _two_arrays(root: Path) -> RealStudy:
    root.parent.mkdir(exist_ok=True)
    content = yaml.safe_load(PROTOCOL.read_text())
    content["simulation"] |= {"n_processors": 2}
    content["recording"] |= {"raw_days": [0, 1]}
    protocol = root.parent / "two_arrays.yaml"
    protocol.write_text(yaml.safe_dump(content))
    real = make_real_study(root, protocol=protocol, arrays=("array1", "array2"), nsx=("ns6",))
    real.day_of_data()
    return real


def _second_day(root: Path) -> RealStudy:
    real = make_real_study(root, nsx=("ns6",))
    real.day_of_data()
    real.run()
    real.day_of_data(1)
    return real


def _copy(real: RealStudy, folder: Path) -> RealStudy:
    """Copy a study with the times of its files."""
    return RealStudy(StudyPaths(Path(shutil.copytree(real.root, folder / "study"))))
