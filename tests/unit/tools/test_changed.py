"""Which tests a change selects, on a small checkout of the same form."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tools.changed
from tools.changed.record import Record, read_record, write_record
from tools.changed.selection import Selection, select

FILES = {
    "pyproject.toml": "",
    "protocols/smoke.yaml": "days: 1\n",
    "docs/page.md": "A page.\n",
    "README.md": "",
    "closedloop/__init__.py": "",
    "closedloop/__main__.py": "from closedloop.cli import main\n",
    "closedloop/cli.py": "def main():\n    from closedloop.report import pages\n",
    "closedloop/report/__init__.py": "",
    "closedloop/report/pages.py": "from closedloop.report.form import FORM\n",
    "closedloop/report/form.py": "FORM = 1\n",
    "closedloop/report/templates/day.html": "<p>\n",
    "closedloop/stages/__init__.py": "",
    "closedloop/stages/refit.py": "from closedloop import storage\n",
    "closedloop/stages/table.py": 'import importlib\nimportlib.import_module("closedloop.stages.refit").run\n',
    "closedloop/storage.py": "",
    "closedloop/lazy/__init__.py": "import lazy_loader\n",
    "closedloop/lazy/__init__.pyi": "from closedloop.lazy.one import one\nfrom closedloop.lazy.two import two\n",
    "closedloop/lazy/one.py": "one = 1\n",
    "closedloop/lazy/two.py": "two = 2\n",
    "closedloop/studies/__init__.py": "",
    "closedloop/studies/app.py": "import pkgutil\nimport closedloop.studies\nfound = pkgutil.iter_modules()\n",
    "closedloop/studies/gaze/__init__.py": "",
    "closedloop/studies/gaze/command.py": "",
    "tests/conftest.py": (
        "import pytest\nfrom tests.runs import run\n\n\n@pytest.fixture\ndef study():\n    return run()\n\n\n"
        "@pytest.fixture(autouse=True)\ndef always():\n    pass\n"
    ),
    "tests/runs.py": 'import sys\n\n\ndef run():\n    return [sys.executable, "-m", "closedloop", "run"]\n',
    "tests/architecture/test_rules.py": "def test_rules():\n    pass\n",
    "tests/unit/test_pages.py": "from closedloop.report.pages import FORM\n\n\ndef test_pages():\n    assert FORM\n",
    "tests/unit/test_table.py": "from closedloop.stages import table\n\n\ndef test_table():\n    assert table\n",
    "tests/unit/test_refit.py": "from closedloop.stages.refit import x\n\n\ndef test_refit():\n    assert x\n",
    "tests/unit/test_study.py": "def test_study(study):\n    pass\n",
    "tests/unit/test_lazy.py": "from closedloop.lazy import one\n\n\ndef test_one():\n    assert one\n",
    "tests/unit/test_within.py": "from closedloop.lazy.two import two\n\n\ndef test_two():\n    assert two\n",
    "tests/unit/test_found.py": "from closedloop.studies.app import found\n\n\ndef test_found():\n    assert found\n",
    "tests/unit/test_prose.py": 'def test_prose():\n    open("docs/page.md")\n',
    "tests/unit/test_both.py": (
        "import pytest\nfrom closedloop.report import pages\nfrom closedloop.stages import refit\n\n\n"
        "@pytest.mark.slow\ndef test_slow():\n    assert refit\n\n\ndef test_fast():\n    assert pages\n"
    ),
    "tests/loop/test_loop.py": (
        "import pytest\nfrom tests.runs import run\n\npytestmark = pytest.mark.slow\n\n\ndef test_loop():\n    run()\n"
    ),
}
ALL = {path for path in FILES if Path(path).name.startswith("test_")} - {"tests/loop/test_loop.py"}
RULES = "tests/architecture/test_rules.py"


class Checkout:
    """A checkout whose fast tests have all passed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path, text in FILES.items():
            self.write(path, text)
        subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
        self.record = Record()
        self.passed()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def append(self, path: str) -> None:
        self.write(path, (self.root / path).read_text() + "\n# changed\n")

    def select(self) -> Selection:
        return select(self.root, self.record)

    def selected(self) -> set[str]:
        return {Path(path).stem.removeprefix("test_") for path in self.select().reasons if path != RULES}

    def passed(self, *, but: str = "") -> None:
        now = self.select()
        for path, key in now.keys.items():
            if path != but:
                self.record.add(path, key)
        self.record.last = dict(now.digests)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_where_nothing_is_remembered_every_file_with_a_fast_test_is_run(checkout: Checkout) -> None:
    assert set(select(checkout.root, Record()).reasons) == ALL


def test_where_nothing_has_changed_none_is_run_and_that_is_said(checkout: Checkout) -> None:
    assert not checkout.select().reasons
    assert f"0 of {len(ALL)} files" in checkout.select().explained()


@pytest.mark.parametrize(
    ("changed", "selected"),
    [
        ("closedloop/report/form.py", {"pages", "both", "study"}),  # deep below what the tests import
        ("closedloop/storage.py", {"refit", "table"}),  # not the slow test
        ("closedloop/stages/refit.py", {"refit", "table", "both"}),  # by a name in a text; for a neighbour, by its name
        ("closedloop/report/templates/day.html", {"pages", "both", "study"}),  # what a package's folder holds
        ("closedloop/lazy/one.py", {"lazy"}),
        ("closedloop/lazy/two.py", {"within"}),  # is not what the other test asks the package for
        ("closedloop/lazy/__init__.pyi", {"lazy", "within"}),  # a package reads its own when it is imported
        ("closedloop/studies/gaze/command.py", {"found"}),
        ("closedloop/cli.py", {"study"}),  # a fixture's: of who asks for it
        ("docs/page.md", {"prose"}),
        ("README.md", set()),
        ("tests/unit/test_lazy.py", {"lazy"}),
        ("tests/loop/test_loop.py", set()),
    ],
)
def test_a_change_selects_the_tests_that_reach_it(checkout: Checkout, changed: str, selected: set[str]) -> None:
    checkout.append(changed)
    assert checkout.selected() == selected


def test_tests_of_the_architecture_look_at_every_file(checkout: Checkout) -> None:
    checkout.append("README.md")
    assert set(checkout.select().reasons) == {RULES}


@pytest.mark.parametrize("changed", ["pyproject.toml", "protocols/smoke.yaml", "tests/conftest.py", "tests/runs.py"])
def test_settings_data_and_what_every_test_begins_with_select_everything(checkout: Checkout, changed: str) -> None:
    checkout.append(changed)
    assert set(checkout.select().reasons) == ALL


def test_new_data_selects_everything(checkout: Checkout) -> None:
    checkout.write("tests/data/new.bin", "0")
    assert set(checkout.select().reasons) == ALL


def test_a_file_that_git_does_not_follow_yet_is_run(checkout: Checkout) -> None:
    checkout.write("tests/unit/test_new.py", "def test_new():\n    pass\n")
    assert checkout.selected() == {"new"}


def test_who_reaches_a_deleted_file_is_run(checkout: Checkout) -> None:
    (checkout.root / "closedloop/report/form.py").unlink()
    assert checkout.selected() == {"pages", "both", "study"}


def test_a_renamed_test_is_run_under_its_new_name_alone(checkout: Checkout) -> None:
    (checkout.root / "tests/unit/test_lazy.py").rename(checkout.root / "tests/unit/test_lazily.py")
    assert checkout.selected() == {"lazily"}


def test_a_new_module_of_a_package_that_is_searched_is_reached(checkout: Checkout) -> None:
    checkout.write("closedloop/studies/gaze/measure.py", "")
    assert checkout.selected() == {"found"}


def test_a_new_module_that_hides_another_name_is_reached(checkout: Checkout) -> None:
    checkout.write("closedloop/stages/refit/__init__.py", "")
    (checkout.root / "closedloop/stages/refit.py").unlink()
    assert checkout.selected() == {"refit", "table", "both"}


def test_what_failed_is_run_again_though_nothing_changed(checkout: Checkout) -> None:
    checkout.append("closedloop/report/form.py")
    checkout.passed(but="tests/unit/test_pages.py")
    assert checkout.selected() == {"pages"}
    assert "did not pass as they are" in checkout.select().explained()


def test_who_goes_back_to_what_passed_runs_nothing(checkout: Checkout) -> None:
    checkout.append("closedloop/report/form.py")
    checkout.passed()
    checkout.write("closedloop/report/form.py", FILES["closedloop/report/form.py"])
    assert not checkout.select().reasons


def test_it_is_said_what_is_run_why_and_what_is_left_out(checkout: Checkout) -> None:
    checkout.append("closedloop/report/form.py")
    said = checkout.select().explained()
    assert "Changed since the last check: closedloop/report/form.py." in said
    assert f"4 of {len(ALL)} files with fast tests are run" in said
    assert "   4 reach closedloop/report/form.py" in said
    assert f"and {len(ALL) - 4} files that passed" in said
    assert "`make test` has them all" in said


def test_a_record_is_read_as_it_was_written(checkout: Checkout, tmp_path: Path) -> None:
    write_record(tmp_path / "away" / "passed.json", checkout.record)
    assert read_record(tmp_path / "away" / "passed.json") == checkout.record


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"form": 0, "passed": {}, "last": {}}'])
def test_a_record_that_cannot_be_read_remembers_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "passed.json").write_text(text)
    assert read_record(tmp_path / "passed.json") == Record()


def test_the_command_remembers_what_passed_and_runs_again_what_did_not(tmp_path: Path) -> None:
    def check(*options: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "tools.changed", "--workers", "0", *options]
        environment = os.environ | {"PYTEST_ADDOPTS": "-k nothing"}  # would leave all out
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment)
        return done.returncode, done.stdout

    shutil.copytree(Path(tools.changed.__file__).parent, tmp_path / "tools" / "changed")
    (tmp_path / "tools" / "__init__.py").touch()
    (tmp_path / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n.cache/\n")
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\nmarkers = ["slow"]\n')
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_good.py").write_text("def test_good():\n    pass\n")
    bad = tmp_path / "tests" / "test_bad.py"
    bad.write_text("def test_bad():\n    assert False\n")
    code, said = check()
    assert (code, "1 failed, 1 passed" in said, "none remembered" in said) == (1, True, True)  # git knows no such place
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    code, said = check()
    assert (code, "1 failed, 1 passed" in said) == (1, True), said
    code, said = check()
    assert (code, "1 failed in" in said) == (1, True), said
    bad.write_text("def test_bad():\n    pass\n")
    assert check("--list")[1].endswith("tests/test_bad.py\n")
    code, said = check()
    assert (code, "1 passed in" in said) == (0, True), said
    code, said = check()
    assert (code, "0 of 2 files" in said, "passed in" in said) == (0, True, False), said
    code, said = check("--all")
    assert (code, "2 passed in" in said) == (0, True), said
