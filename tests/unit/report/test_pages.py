"""The pages hold the study's numbers, carry the mark, load nothing, and survive a study in mid-day."""

from __future__ import annotations

import base64
import csv
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.report.pages import write_report
from tests.unit.report.conftest import manifest_of, publish_shown

pytestmark = pytest.mark.slow  # all figures of a study: in `make test`, not in `make check`


class _Text(HTMLParser):
    """Visible text and the targets of everything that could be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.targets: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if name in ("src", "href") and value]
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.lasttag in ("td", "th") and self.cells:
            self.cells[-1] += data.strip()


def _parse(path: Path) -> _Text:
    page = _Text()
    page.feed(path.read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, build_study: Any) -> StudyPaths:
    """Give a study of three evaluated days and a fourth under way, with its report."""
    paths: StudyPaths = build_study(tmp_path_factory.mktemp("reported") / "study", n_evaluated=3)
    assert write_report(paths) == paths.report / "index.html"
    return paths


def test_the_study_page_holds_the_days_numbers_with_their_errors(reported: StudyPaths) -> None:
    cells = _parse(reported.report / "index.html").cells
    assert {"0.402 ± 0.021", "0.430 ± 0.004", "−0.008 ± 0.021", "2,491 / 2,504", "168 / 56"} <= set(cells)


def test_growth_and_attained_part_are_ratios_of_the_truth(reported: StudyPaths) -> None:
    cells = _parse(reported.report / "index.html").cells
    assert any(cell.startswith(f"{0.430 / 0.230:.3f} ± ") for cell in cells)
    assert any(cell.startswith(f"{0.430 / 1.904:.3f} ± ") for cell in cells)


def test_the_paired_difference_is_that_of_the_pairs(reported: StudyPaths) -> None:
    cells = _parse(reported.report / "index.html").cells
    (line,) = [cells[i : i + 5] for i, cell in enumerate(cells) if cell == "ε = 10" and cells[i + 5] == "168 / 56"]
    mean, error = (float(text) for text in line[3].split(" ± "))
    # Days 1 and 2 differ by .226 and by the pair noise of both: .2 sqrt(2) over 168 pairs.
    assert error == pytest.approx(0.2 * 2**0.5 / 168**0.5, rel=0.35)
    assert mean == pytest.approx(0.402 - 0.176, abs=4 * error)
    low, high = (float(text) for text in line[4].split(" to "))
    assert low < mean < high
    assert high - low > 1.5 * error


@pytest.mark.parametrize("name", ["index.html", "day-01.html", "day-03.html", "day-01-stimuli.html"])
def test_simulated_pages_say_so_and_load_nothing_from_elsewhere(reported: StudyPaths, name: str) -> None:
    page = _parse(reported.report / name)
    assert "SIMULATED" in page.words
    pages = {f"day-{day:02d}.html" for day in range(4)} | {"index.html"}
    pages |= {f"{name[:6]}-stimuli.html"} if name != "index.html" else set()
    pages |= {name.replace(".html", "-figures.csv")}
    assert {target for target in page.targets if not target.startswith("data:image/")} == pages
    assert all((reported.report / target).is_file() for target in pages)


def test_every_figure_is_a_whole_picture(reported: StudyPaths) -> None:
    targets = [t for t in _parse(reported.report / "index.html").targets if t.startswith("data:")]
    figures = [base64.b64decode(t.partition(",")[2]) for t in targets if "svg" in t.partition(",")[0]]
    pictures = [base64.b64decode(t.partition(",")[2]) for t in targets if "png" in t.partition(",")[0]]
    assert len(figures) >= 9
    assert all(figure.rstrip().endswith(b"</svg>") for figure in figures)
    assert len(pictures) == 6 * 3 + 4
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)


def test_the_title_block_names_subject_protocol_versions_and_command(reported: StudyPaths) -> None:
    text = " ".join(" ".join(_parse(reported.report / "index.html").words).split())
    assert "Ada (simulated)" in text
    assert "3 evaluated of 6" in text
    assert "closedloop dry-run ../again --protocol protocol.yaml --days 6 --subject Ada" in text
    assert re.search(r"study 5f0c61a2 by closedloop 0\.1\.0", text)


def test_the_title_block_names_a_hidden_cortex_that_is_not_the_usual_one(tmp_path: Path, build_study: Any) -> None:
    paths: StudyPaths = build_study(tmp_path / "study", n_evaluated=0, under_way=False)
    text = paths.protocol.read_text(encoding="utf-8")
    paths.protocol.write_text(text.replace("\nsimulation:\n", "\nsimulation:\n  cortex: recurrent\n"), encoding="utf-8")
    page = _parse(write_report(paths))
    assert "Ada (simulated, hidden cortex recurrent)" in " ".join(" ".join(page.words).split())


def test_a_day_under_way_shows_what_it_has_and_says_what_is_missing(reported: StudyPaths) -> None:
    page = _parse(reported.report / "day-03.html")
    text = " ".join(page.words)
    assert "Finished so far: plan, synthesize, ingest." in text
    assert "19.87 ppm" in page.cells
    assert "Sensitivity against controls" not in text


def test_quality_says_why_presentations_were_set_aside(reported: StudyPaths) -> None:
    cells = _parse(reported.report / "day-01.html").cells
    at = cells.index("set aside: code lost and no photodiode")
    assert cells[at + 1] == "9"
    assert "98.1 % / 99.0 % (n = 1)" in cells
    assert "word 17 at 103.52 s" in cells
    assert cells[cells.index("codes that belong to nothing sent") + 1] == "1"


def test_a_study_before_its_first_evaluation_has_a_page(tmp_path: Path, build_study: Any) -> None:
    index = write_report(build_study(tmp_path / "s", n_evaluated=0))
    assert "Day 0 is under way. Finished so far: plan, synthesize, ingest." in " ".join(_parse(index).words)


def test_a_study_without_a_day_has_a_page(tmp_path: Path, build_study: Any) -> None:
    index = write_report(build_study(tmp_path / "s", n_evaluated=0, under_way=False))
    assert "No day has been planned yet." in _parse(index).words


def test_a_real_study_is_not_called_simulated(tmp_path: Path, build_study: Any) -> None:
    index = write_report(build_study(tmp_path / "s", n_evaluated=1, simulated=False, under_way=False))
    text = " ".join(_parse(index).words)
    assert "SIMULATED" not in text
    assert "Ada (real)" in text
    assert "Hidden truth" not in text
    assert "closedloop report ." in text


def test_a_simulated_study_of_photographs_is_made_again_from_their_folder(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "s", n_evaluated=0)
    study = StudyDocument.read(paths.study)
    pool = study.pool.model_copy(update={"kind": "flat_folder", "folder": "/data/my photographs"})
    study.model_copy(update={"pool": pool, "base_model": "/models/base.pt"}).write(paths.study)
    text = " ".join(_parse(write_report(paths)).words)
    assert "--images '/data/my photographs' --base-model /models/base.pt" in text


def test_every_figure_has_its_numbers_in_a_file_beside_the_page(reported: StudyPaths) -> None:
    """Of the last day: the measured means of all epsilons with their intervals, and every panel of every figure."""
    with (reported.report / "day-02-figures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    figures = {row["figure"] for row in rows}
    assert figures == {
        "Sensitivity against controls and artificial units",
        "Rates against the preferred category",
        "Site by site",
        "Spike rasters",
        "Reliability of the sites",
        "The night's refit",
    }
    drawn = [
        (row["x"], row["y"], row["interval_low"], row["interval_high"])
        for row in rows
        if row["series"] == "IT sites, the paper's estimator"
    ]
    assert drawn == [
        ("1", "0.021", "-0.021", "0.063"),
        ("2.5", "0.08", "0.038", "0.122"),
        ("10", "0.402", "0.36", "0.444"),
    ]
    with (reported.report / "index-figures.csv").open(newline="") as file:
        assert {row["figure"] for row in csv.DictReader(file)} > {"Sensitivity over days, at each ε", "Signs right"}


def test_signs_say_against_what(reported: StudyPaths, tmp_path: Path, build_study: Any) -> None:
    assert {"signs right, by the measured change", "signs right, by the hidden truth"} <= set(
        _parse(reported.report / "index.html").cells
    )
    real = write_report(build_study(tmp_path / "s", n_evaluated=1, simulated=False, under_way=False))
    assert "signs right, by the measured change" in _parse(real).cells
    assert "signs right, by the hidden truth" not in _parse(real).cells


def test_a_thumbnail_has_its_epsilon_and_examples_say_how_they_were_chosen(reported: StudyPaths) -> None:
    text = " ".join(_parse(reported.report / "day-02.html").words)
    assert re.search(r"disc_dots · \d+\.\d Hz", text)  # a clean one has none
    for epsilon in ("2.5", "10"):
        assert re.search(rf"disc_dots · ε = {epsilon} · \d+\.\d Hz", text)
    assert "the attack of median effect" in text
    assert "an extreme example" in text


def test_text_from_documents_cannot_become_markup(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "s", n_evaluated=0)
    content = paths.study.read_text().replace('"Ada"', '"<script>alert(1)</script>"')
    paths.study.write_text(content)
    page = write_report(paths).read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_thumbnail_says_what_the_attack_was_to_do_and_has_no_false_digits(reported: StudyPaths) -> None:
    """The first attack was to raise its site by .75, the second to lower it; the sixth is a control: neither."""
    page = (reported.report / "day-00.html").read_text(encoding="utf-8")
    found = re.findall(r"45\.0 → 121\.5 Hz[^<]*", page)
    up, down = "45.0 → 121.5 Hz, to raise it ↑", "45.0 → 121.5 Hz, to lower it ↓"
    assert found == [up, down, up, up, down, "45.0 → 121.5 Hz"]


def test_what_is_wider_than_the_screen_scrolls_in_a_frame_of_its_own(reported: StudyPaths) -> None:
    page = (reported.report / "index.html").read_text(encoding="utf-8")
    frames = re.findall(r'<div class="(?:table )?scrolls"[^>]*tabindex="0" role="region" aria-label="[^"]+">', page)
    assert len(frames) == page.count('scrolls"') > 4


def test_a_real_study_waits_for_the_rig_and_says_so(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "study", n_evaluated=0, simulated=False)
    shutil.rmtree(paths.day(0).folder("ingest"))
    manifest_of(paths, 0, "schedule", simulated=False)
    write_report(paths)
    words = " ".join(_parse(paths.report / "index.html").words)
    assert (
        "Day 0 is under way. Finished so far: plan, synthesize, schedule. It waits for the session at the rig." in words
    )
    assert "To draw its pages again" in words
    assert "To make it again" not in words
    assert "What will be shown" in (paths.report / "day-00-stimuli.html").read_text(encoding="utf-8")


def test_what_was_shown_is_no_longer_to_come(tmp_path: Path, build_study: Any) -> None:
    paths = build_study(tmp_path / "study", n_evaluated=0)
    publish_shown(paths, 0)
    write_report(paths)
    page = (paths.report / "day-00-stimuli.html").read_text(encoding="utf-8")
    assert "What was shown" in page
    assert "What will be shown" not in page


def test_every_page_says_which_checks_of_the_rig_were_overridden(tmp_path: Path, build_study: Any) -> None:
    paths: StudyPaths = build_study(tmp_path / "study", n_evaluated=2)
    place = catalog.QUALITY.published(paths, 0)
    quality = catalog.QUALITY.read(place)
    quality.model_copy(update={"overrides": ("distance", "refresh")}).write(place)
    manifest_of(paths, 0, "ingest", simulated=True)
    write_report(paths)
    said = "The operator overrode checks of the rig in the session of day 0: distance, refresh."
    pages = list(paths.report.glob("*.html"))
    assert len(pages) >= 3
    assert all(said in " ".join(_parse(page).words) for page in pages)
