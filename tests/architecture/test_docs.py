"""The documents: paths and links that exist, generated pages without drift, a site that builds without a warning."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import closedloop
from tools.decision_index import FOLDER, read_decision
from tools.pages import COMMAND, GENERATED
from tools.site import SiteError, build_site, requests_elsewhere

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
ROOMS = ("closedloop", "rig", "tests", "docs", "protocols", "data_schemas", "benchmarks", "tools", ".ci")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PATH = re.compile(rf"({'|'.join(re.escape(room) for room in ROOMS)})/[\w./*-]*")
_MODULE = re.compile(r"(closedloop|rig|tools)(\.\w+)+")
_FILE_NAMES = {
    "csv",
    "css",
    "h5",
    "html",
    "json",
    "jsonl",
    "nev",
    "npy",
    "parquet",
    "pt",
    "sqlite",
    "svg",
    "yaml",
    "yml",
}


def code_words(page: Path) -> Iterator[str]:
    """Yield the words in backticks of a page."""
    for code in _CODE.findall(page.read_text()):
        yield from code.split()


def placeholders_in(path: str) -> bool:
    """Whether a path names files yet to be made: `closedloop/studies/NAME/`."""
    return bool(re.search(r"\b[A-Z]{2,}\b", path)) and not (ROOT / path).exists()


def is_there(path: str) -> bool:
    """Whether a path exists, given from the root or, for a Python file, from any folder: `searches/cosine.py`."""
    if path.endswith(".py") and "*" not in path and not _PATH.fullmatch(path):
        return any(True for room in ROOMS for _ in (ROOT / room).rglob(path))
    return any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()


def missing_paths(page: Path) -> list[str]:
    words = [word.rstrip(".,:;") for word in code_words(page)]
    paths = [word for word in words if _PATH.fullmatch(word) or re.fullmatch(r"[\w./-]+\.py", word)]
    return [path for path in paths if not placeholders_in(path) and not is_there(path)]


def module_exists(name: str) -> bool:
    """Whether a dotted name is a module, or is named in the text of one."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:n])
        sources = [*([place / "__init__.py", place / "__init__.pyi"] if place.is_dir() else [place.with_suffix(".py")])]
        texts = [source.read_text() for source in sources if source.is_file()]
        if texts:
            return n == len(parts) or any(re.search(rf"\b{parts[n]}\b", text) for text in texts)
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_of_the_repository_in_the_documents_exists(page: Path) -> None:
    assert not missing_paths(page), f"{page.relative_to(ROOT)} names files that are not there: {missing_paths(page)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_module_in_the_documents_exists(page: Path) -> None:
    named = [word for word in code_words(page) if _MODULE.fullmatch(word)]
    missing = [word for word in named if word.rpartition(".")[2] not in _FILE_NAMES and not module_exists(word)]
    assert not missing, f"{page.relative_to(ROOT)} names modules that are not there: {missing}"


def test_a_path_that_is_not_there_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`closedloop/nowhere.py`, `closedloop/errors.py`, `closedloop/studies/NAME/`, `protocols/*.yaml`, `no.py`"
    )
    assert missing_paths(page) == ["closedloop/nowhere.py", "no.py"]
    assert module_exists("closedloop.errors.ClosedLoopError")
    assert not module_exists("closedloop.errors.NoSuchThing")
    assert not module_exists("closedloop.nowhere")


# The site's builder follows the links of the pages in docs/; these two lie outside.
@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_relative_link_leads_to_a_file(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text())
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert not missing, f"{page} links to files that are not there: {missing}"


@pytest.mark.parametrize(("page", "generate"), GENERATED.items(), ids=GENERATED)
def test_a_generated_page_is_what_its_sources_say(page: str, generate: Callable[[], str]) -> None:
    assert (ROOT / page).read_text() == generate(), f"{page} has drifted; run: {COMMAND}"


def test_every_decision_has_a_date_and_a_status_and_a_number_of_its_own() -> None:
    records = [path for path in sorted(FOLDER.glob("*.md")) if path.name != "index.md"]
    assert [path.name[:4] for path in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    for path in records:
        read_decision(path)


def test_a_decision_without_a_date_is_refused(tmp_path: Path) -> None:
    record = tmp_path / "0001-undated.md"
    record.write_text("# Undated\n\n- Status: accepted\n\nBecause.\n")
    with pytest.raises(ValueError, match="Date: YYYY-MM-DD"):
        read_decision(record)


@pytest.mark.parametrize("program", ["closedloop", "rig"])
def test_the_rooms_of_the_architecture_page_are_those_of_the_contract(program: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract.get("containers") == [program])
    picture = (DOCS / "developers" / "architecture.md").read_text().partition("```text\n")[2].partition("```")[0]
    box = picture.partition(f" {program}/")[2]
    drawn = [line.lstrip(" │").split("  ")[0].strip() for line in box.splitlines()[2:]]
    rooms = [layer for layer in layers if layer != "__main__"]
    assert drawn[: len(rooms)] == rooms, "redraw the picture of the rooms in docs/developers/architecture.md"


def test_the_citation_says_the_version_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == project["version"] == closedloop.__version__
    assert citation["license"] == project["license"]
    assert citation["references"][0]["url"] == project["urls"]["Paper"]
    assert {"message", "title", "authors"} <= citation.keys()


def navigation(entries: Any) -> Iterator[str]:
    """Yield the pages and folders of a navigation."""
    for entry in entries:
        (target,) = entry.values()
        if isinstance(target, str):
            yield target
        else:
            yield from navigation(target)


def test_every_page_stands_in_the_navigation() -> None:
    named = set(navigation(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    unreachable = {page for page in pages if page not in named and f"{page.partition('/')[0]}/" not in named}
    assert not unreachable, f"add to nav in mkdocs.yml: {sorted(unreachable)}"


def test_every_door_of_the_library_and_every_port_of_the_rig_has_its_place_in_the_python_pages() -> None:
    described = set(
        re.findall(r"^::: (\S+)", "\n".join(p.read_text() for p in (DOCS / "api").glob("*.md")), re.MULTILINE)
    )
    doors = {".".join(stub.parent.relative_to(ROOT).parts) for stub in (ROOT / "closedloop").rglob("__init__.pyi")}
    ports = {f"rig.ports.{path.stem}" for path in (ROOT / "rig" / "ports").glob("[a-z]*")}
    missing = {name for name in doors | ports if name.rpartition(".")[2] not in {"__pycache__"}} - described
    assert not missing, f"add pages with '::: NAME' to docs/api: {sorted(missing)}"


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    for name in ("closedloop", "rig", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("mkdocs.yml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, tmp_path)
    build_site(tmp_path / "mkdocs.yml")
    site = tmp_path / "site"
    assert (site / "index.html").is_file()
    assert not list(requests_elsewhere(site))
    for page in DOCS.rglob("*.md"):
        assert (site / page.relative_to(DOCS).with_suffix(".html")).is_file(), page
    counting = (site / "api" / "recording.html").read_text().partition('id="closedloop.recording.count_spikes"')[2]
    parameters = counting.partition("Parameters:")[2].partition("Returns:")[0]
    assert "onset_tick" in parameters
    assert "Spikes" not in parameters, "parameters that share a text are shown with the type of the first"
    unread = [page for page in site.rglob("*.html") if re.search(r"<p>(:::|--8&lt;--|\[[^\]]+\]\[)", page.read_text())]
    assert not unread, "instructions to the builder came through as text"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[nowhere](nowhere.md)", "page does not exist"),
        ("::: house.wrong", "does not appear in the function signature"),
        ("::: house.absent", "house.absent"),
        ("[Thing][house.nothing]", "unresolved"),
    ],
)
def test_a_site_with_a_fault_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Page\n\n{text}\n")
    package = tmp_path / "house"
    package.mkdir()
    (package / "__init__.py").write_text('"""A house."""\n')
    (package / "wrong.py").write_text(
        '"""Wrong."""\n\n\ndef f(x: int) -> None:\n    """Do.\n\n    Parameters\n    ----------\n    y\n        It.\n'
        '    """\n'
    )
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    (tmp_path / "docs" / "site.css").touch()
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(config | {"nav": [{"Home": "index.md"}]}))
    with pytest.raises(SiteError, match=complaint):
        build_site(tmp_path / "mkdocs.yml")


def test_a_page_that_loads_from_another_machine_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<link rel="canonical" href="https://a.org/"><a href="https://a.org/">read</a><script src="here.js"></script>'
        '<script src="https://cdn.org/there.js"></script><link rel="stylesheet" href="//fonts.org/one.css">'
    )
    (tmp_path / "page.css").write_text("@font-face { src: url(https://fonts.org/one.woff2) } a { src: url(here.svg) }")
    assert list(requests_elsewhere(tmp_path)) == [
        "page.html: https://cdn.org/there.js",
        "page.html: //fonts.org/one.css",
        "page.css: https://fonts.org/one.woff2",
    ]
