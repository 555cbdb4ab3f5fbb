"""Panel of the next session's stimuli: which they are, their audit, filters and pages, and what damage does to it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from closedloop.artifacts.catalog import AUDIT, IMAGES, SESSION_IMAGES, STIMULI
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.errors import DocumentError
from closedloop.service.panels import tomorrow
from closedloop.service.panels.tomorrow import CARDS_A_PAGE, StimulusCard, TomorrowPanel, read, read_asked
from closedloop.service.web.render import StudyName, render_fragment, render_json
from closedloop.storage.arrays import save_array
from tests.unit.messages import refused
from tests.unit.service.over_days.stimuli import publish_sites, publish_stimuli, small_study

NAMES = ("array1-074", "array1-008")


def site(name: str, index: int) -> Site:
    return Site(
        neuroid_id=name, electrode_id=index + 1, reliability=0.8, mean_rate_hz=20.0, sigma_hz=5.0, site_index=index
    )


def fact(card: StimulusCard, name: str) -> str:
    return dict(card.facts)[name]


def test_before_anything_is_made_there_is_nothing_to_show(tmp_path: Path) -> None:
    found = read(small_study(tmp_path / "study"))
    assert (found.day, found.cards, found.damaged) == (None, (), ())
    assert "No stimuli have been made yet." in render_fragment(tomorrow, found, StudyName("one"))


def test_the_last_day_that_has_stimuli_is_shown_with_what_is_published_of_it(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    publish_stimuli(paths, 0)
    publish_stimuli(paths, 1, scheduled=False)
    (paths.day(2).folder("plan")).mkdir(parents=True)
    assert (read(paths).day, "not scheduled yet" in read(paths).state) == (1, True)
    publish_stimuli(paths, 1)
    assert "this is what the rig will show" in read(paths).state
    (paths.day(1).folder("present")).mkdir(parents=True)
    (paths.day(1).folder("present") / "journal.jsonl").touch()
    assert "was shown last" in read(paths).state


def test_of_a_study_at_its_end_it_says_that_none_is_to_come(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    n_days = read_protocol(paths.protocol).days
    for day in range(n_days):
        publish_stimuli(paths, day)
        (paths.day(day).folder("present")).mkdir(parents=True)
        assert "none is to come" not in read(paths).state
        (paths.day(day).folder("present") / "journal.jsonl").touch()
    assert read(paths).state == "The study's last session, as it was shown: none is to come."


def test_a_card_says_what_the_tables_say(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    publish_sites(paths, 0, site(NAMES[1], 1), site(NAMES[0], 0))
    images = publish_stimuli(paths, 1)
    columns = STIMULI.read(STIMULI.published(paths, 1))
    found = read_asked(paths, {"site": "1", "epsilon": "2.5"})
    assert [one.label for one in found.sites] == ["all sites", *NAMES]
    assert [one.label for one in found.epsilons] == ["all ε", "ε = 1", "ε = 2.5", "ε = 10"]
    rows = np.flatnonzero((columns["site_index"] == 1) & (columns["epsilon"] == 2.5))
    assert [card.stimulus_id for card in found.cards] == [stimulus_id(images[row]) for row in rows]
    row, card = int(rows[0]), found.cards[0]
    assert card.title == f"disc_0 · {NAMES[1]} · ε = 2.5"
    assert card.clean == f"1-{stimulus_id(images[0])}"
    before, after = columns["predicted_clean"][row], columns["predicted_attacked"][row]
    assert fact(card, "sealed sign") == ("▲ raise" if columns["predicted_sign"][row] > 0 else "▼ lower")
    assert fact(card, "predicted") == f"{before:+.3f} → {after:+.3f} z ({after - before:+.3f})".replace("-", "−")
    assert fact(card, "realised ε") == "2.4998, 99.990 % of the budget"
    assert fact(card, "brightness") == f"+{100 * 0.001 * row / 0.5:.2f} %"
    assert fact(card, "clipped") == f"{row % 5} value{'' if row % 5 == 1 else 's'}"


def test_filters_and_orders_pick_by_the_tables(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    publish_stimuli(paths, 0)
    columns = AUDIT.read(AUDIT.published(paths, 0))
    changes = dict(zip(columns["stimulus_id"], np.abs(columns["predicted_change"]), strict=True))
    clipped = dict(zip(columns["stimulus_id"], columns["n_clipped"], strict=True))
    assert read(paths).n_found == 6 * 2 * 3
    assert [read_asked(paths, {"kind": kind}).n_found for kind in ("clean", "gaussian", "attacked")] == [6, 3, 36]
    assert [read_asked(paths, {"epsilon": one}).n_found for one in ("1", "2.5", "10", "7", "no")] == [12, 12, 12, 0, 36]
    largest = [changes[card.stimulus_id] for card in read_asked(paths, {"order": "change"}).cards]
    assert largest == sorted(changes[one] for one in changes if changes[one] >= 0)[::-1][:CARDS_A_PAGE]
    most = [clipped[card.stimulus_id] for card in read_asked(paths, {"order": "clipped"}).cards]
    assert most == sorted((clipped[one] for one in clipped if changes[one] >= 0), reverse=True)[:CARDS_A_PAGE]


@pytest.mark.parametrize("page", ["0", "-1", "999999999", "1e3", "../../etc", "²"])
def test_what_is_no_page_is_one_of_the_pages(tmp_path: Path, page: str) -> None:
    paths = small_study(tmp_path / "study")
    publish_stimuli(paths, 0)
    asked = {"page": page, "site": "٣", "epsilon": "nan", "kind": "<script>", "order": "__class__"}
    assert read_asked(paths, asked).page in (1, 2)


@pytest.mark.slow
def test_five_thousand_stimuli_come_in_small_pages_that_show_each_once(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    images = publish_stimuli(paths, 0, n_clean=238, n_sites=7)
    first = read(paths)
    assert (len(images), first.n_found) == (238 * 22 + 3, 238 * 21)
    shown = [read_asked(paths, {"page": str(page)}) for page in range(1, first.n_pages + 1)]
    assert max(len(one.cards) for one in shown) == CARDS_A_PAGE
    seen = [card.shown for one in shown for card in one.cards]
    assert len(seen) == len(set(seen)) == 238 * 21
    assert len(render_fragment(tomorrow, first, StudyName("one"))) < 80_000
    assert len(render_json(first)) < 40_000


def picture(paths: object, key: str) -> np.ndarray:
    found = tomorrow.picture(paths, key)  # type: ignore[arg-type]
    assert found is not None
    return np.asarray(Image.open(io.BytesIO(found)))


@pytest.mark.parametrize("scheduled", [True, False])
def test_pictures_are_the_sessions_bytes_by_the_keys_of_the_cards(tmp_path: Path, scheduled: bool) -> None:
    paths = small_study(tmp_path / "study")
    images = publish_stimuli(paths, 3, scheduled=scheduled)
    by_id = {stimulus_id(image): image for image in images}
    for card in read(paths).cards:
        assert np.array_equal(picture(paths, card.shown), by_id[card.stimulus_id])
        clean = by_id[card.clean.split("-")[1]]
        assert np.array_equal(picture(paths, card.clean), clean)
        change = np.clip(128 + 20 * (by_id[card.stimulus_id].astype(int) - clean), 0, 255)
        assert np.array_equal(picture(paths, card.difference), change)
        assert np.array_equal(picture(paths, f"{card.shown}-x2")[::2, ::2], by_id[card.stimulus_id])


def test_what_the_rig_shows_is_read_from_the_session_folder_and_not_from_beside_it(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    images = publish_stimuli(paths, 0)
    card = read(paths).cards[0]
    IMAGES.published(paths, 0).unlink()
    assert np.array_equal(picture(paths, card.shown), images[6])
    images[6, 0, 0, 0] ^= 1
    save_array(SESSION_IMAGES.published(paths, 0), images)
    with refused(DocumentError, SESSION_IMAGES.published(paths, 0), card.stimulus_id):
        tomorrow.picture(paths, card.shown)


@pytest.mark.parametrize("key", ["0-", "0-0123456789abcdef", "1-{id}", "0-{id}-x9", "0-{id}-x0", "0-{id}/..", "{id}"])
def test_a_key_that_no_card_has_is_no_picture(tmp_path: Path, key: str) -> None:
    paths = small_study(tmp_path / "study")
    images = publish_stimuli(paths, 0)
    assert tomorrow.picture(paths, key.format(id=stimulus_id(images[8]))) is None


def test_stimuli_beyond_their_budget_are_said_before_anything_else(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    publish_stimuli(paths, 0)
    assert read(paths).notices == ()
    columns = STIMULI.read(STIMULI.published(paths, 0))
    columns["realised_epsilon"] = np.where(columns["epsilon"] == 2.5, 2.51, columns["realised_epsilon"])
    STIMULI.write(STIMULI.published(paths, 0), columns, simulated=True)
    assert read(paths).notices == ("12 stimuli are beyond their budget: do not show them.",)


def test_a_study_of_an_old_version_without_an_audit_shows_what_it_has(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    publish_stimuli(paths, 0, audited=False, scheduled=False)
    found = read(paths)
    assert (found.sizes, found.damaged, found.notices) == (None, (), ())
    assert [name for name, _ in found.cards[0].facts] == ["sealed sign", "predicted", "realised ε", "shown"]


@pytest.mark.parametrize("name", [STIMULI.name, AUDIT.name])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table"])
def test_a_damaged_table_is_said_and_raises_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    paths = small_study(tmp_path / "study")
    publish_stimuli(paths, 0, scheduled=False)
    (paths.day(0).folder("synthesize") / name).write_bytes(content)
    found = read(paths)
    assert len(found.damaged) == 1
    assert str(paths.day(0).folder("synthesize") / name) in found.damaged[0]
    assert (found.day is None) == (name == STIMULI.name)
    assert name in render_fragment(tomorrow, found, StudyName("one"))


def test_a_name_from_a_file_is_text_on_the_page(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    publish_sites(paths, 0, site("<script>alert(1)</script>", 0))
    publish_stimuli(paths, 1, n_sites=1)
    text = render_fragment(tomorrow, read(paths), StudyName("one"))
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_panel_is_json(tmp_path: Path) -> None:
    paths = small_study(tmp_path / "study")
    publish_stimuli(paths, 0)
    found: TomorrowPanel = read(paths)
    assert len(json.loads(render_json(found))["cards"]) == len(found.cards) == CARDS_A_PAGE
