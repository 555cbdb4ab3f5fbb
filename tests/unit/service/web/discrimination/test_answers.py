"""What the page's requests store, and what is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.discrimination.journal import answers_bytes, read_answers
from closedloop.artifacts.discrimination.rows import ANSWER_ROW, PairAnswered, SessionLaunched
from closedloop.commands.discrimination.taken_in import take_in
from closedloop.errors import DocumentError
from closedloop.service.web.discrimination.app import discrimination_app
from closedloop.service.web.serving import serving
from rig.discrimination.journal import AnswerWriter
from tests.unit.artifacts.discrimination.test_journal import answered, launched
from tests.unit.service.served import TOKEN, WITH_TOKEN
from tests.unit.studies.discrimination.experiments import small_experiment


@pytest.fixture
def experiment(tmp_path: Path) -> OpenExperiment:
    return small_experiment(tmp_path / "experiment", n_sessions=2)


@contextlib.contextmanager
def asked(experiment: OpenExperiment) -> Iterator[httpx.Client]:
    with (
        serving(discrimination_app(experiment, token=TOKEN)) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False, headers=WITH_TOKEN) as client,
    ):
        yield client


def lines(experiment: OpenExperiment, *, subject: str = "S1", session: int = 1, n: int = 3) -> list[dict[str, Any]]:
    """Return the first lines of a session, as the page sends them."""
    document, trials = experiment.document, experiment.session(session)
    first = launched(0, subject=subject).model_copy(
        update={"experiment_id": document.experiment_id, "session": session}
    )
    rows = [first]
    for trial in range(n - 1):
        ids = {name: document.stimulus_ids[int(trials[f"{name}_index"][trial])] for name in ("first", "second")}
        rows.append(answered(trial + 1, trial).model_copy(update=ids))  # type: ignore[arg-type]
    return [ANSWER_ROW.dump_python(row, mode="json") for row in rows]


def sent(client: httpx.Client, rows: list[dict[str, Any]], *, subject: str = "S1", session: int = 1) -> httpx.Response:
    return client.post("/journal", json={"subject": subject, "session": session, "rows": rows})


def test_lines_sent_twice_are_stored_once(experiment: OpenExperiment) -> None:
    rows = lines(experiment)
    with asked(experiment) as client:
        assert sent(client, rows[:2]).json() == {"n_rows": 2}
        assert sent(client, rows).json() == {"n_rows": 3}
        assert sent(client, rows[1:]).json() == {"n_rows": 3}
        opened = client.post("/open", json={"subject": "S1", "session": None}).json()
    assert opened == {"session": 1, "rows": rows}
    assert len(read_answers(experiment.paths.journal("S1", 1)).rows) == 3


def test_another_line_under_the_same_number_is_refused_and_nothing_changes(experiment: OpenExperiment) -> None:
    rows = lines(experiment)
    with asked(experiment) as client:
        sent(client, rows)
        refused = sent(client, [rows[2] | {"answer": "different"}])
    assert refused.status_code == 409
    assert "another window or computer went on with this session" in refused.text
    assert read_answers(experiment.paths.journal("S1", 1)).answers[1].answer == "same"


def test_sessions_are_given_out_in_turn_and_a_begun_one_is_gone_on_with(experiment: OpenExperiment) -> None:
    with asked(experiment) as client:
        opened = [client.post("/open", json={"subject": code, "session": None}) for code in ("A1", "B1", "A1")]
        full = client.post("/open", json={"subject": "C1", "session": None})
    assert [answer.json()["session"] for answer in opened] == [1, 2, 1]
    assert full.status_code == 400
    assert "found all 2 begun" in full.text


@pytest.mark.parametrize(
    ("subject", "changes", "words"),
    [
        ("ada", {}, "such as S07"),
        ("S2", {}, "lines of this session, found another's"),
        ("S1", {"experiment_id": "b" * 16}, "found another experiment's"),
        ("S1", {"user_agent": "Mozilla"}, "user_agent"),
        ("S1", {"simulated": True}, "found the others"),
    ],
)
def test_lines_of_anything_else_are_refused(
    experiment: OpenExperiment, subject: str, changes: dict[str, object], words: str
) -> None:
    rows = lines(experiment)
    rows[0] |= changes
    with asked(experiment) as client:
        refused = sent(client, rows, subject=subject)
    assert refused.status_code in {400, 409}
    assert words in refused.text
    assert not list(experiment.paths.journals.glob("*.jsonl"))


def test_a_code_is_a_word(experiment: OpenExperiment) -> None:
    with asked(experiment) as client:
        refused = client.post("/open", json={"subject": 5, "session": None})
    assert refused.status_code == 400
    assert "code: expected a word" in refused.text


def test_the_page_can_ask_whether_it_is_served(experiment: OpenExperiment) -> None:
    with asked(experiment) as client:
        assert client.get("/served").json() == {"served": experiment.document.experiment_id}


def test_while_a_rig_writes_a_session_neither_page_nor_import_replaces_it(
    experiment: OpenExperiment, tmp_path: Path
) -> None:
    rows = lines(experiment)
    path = experiment.paths.journal("S1", 1)
    parsed = [ANSWER_ROW.validate_python(row) for row in rows]
    file = tmp_path / "S1-0001.jsonl"
    file.write_bytes(answers_bytes(parsed))
    with asked(experiment) as client:
        with AnswerWriter(path, experiment) as writer:
            writer.write(SessionLaunched, **parsed[0].model_dump(exclude={"line", "event"}))
            refused = sent(client, rows)
            with pytest.raises(DocumentError, match="found `rig discriminate` at work"):
                list(take_in(experiment.paths.root, [file]))
            writer.write(PairAnswered, **parsed[1].model_dump(exclude={"line", "event"}))
        assert refused.status_code == 409
        assert "found `rig discriminate` at work" in refused.text
        assert len(read_answers(path).rows) == 2
        assert sent(client, rows).json() == {"n_rows": 3}


def test_without_the_token_nothing_is_stored(experiment: OpenExperiment) -> None:
    with asked(experiment) as client:
        refused = client.post("/journal", json={}, headers={"X-Closedloop-Token": "another"})
    assert refused.status_code == 403


@pytest.mark.parametrize("name", ["experiment.json", "../experiment.json", "%2e%2e/images.npy", "page.py", "journals/"])
def test_nothing_but_the_page_is_served(experiment: OpenExperiment, name: str) -> None:
    with asked(experiment) as client:
        assert client.get(f"/{name}").status_code == 404
        assert client.get("/").headers["content-security-policy"].startswith("default-src 'none'")


def test_an_import_twice_is_as_once_and_another_answer_is_refused(experiment: OpenExperiment, tmp_path: Path) -> None:
    rows = [ANSWER_ROW.validate_python(row) for row in lines(experiment)]
    file = tmp_path / "S1-0001.jsonl"
    file.write_bytes(answers_bytes(rows[:2]))
    assert list(take_in(experiment.paths.root, [file])) == ["S1, session 1: 1 of 22 trials, new"]
    file.write_bytes(answers_bytes(rows))
    assert list(take_in(experiment.paths.root, [file])) == ["S1, session 1: 2 of 22 trials, 1 lines more"]
    assert list(take_in(experiment.paths.root, [file])) == ["S1, session 1: 2 of 22 trials, nothing new"]
    file.write_bytes(answers_bytes([*rows[:2], rows[2].model_copy(update={"answer": "different"})]))
    with pytest.raises(DocumentError, match=r"line 2 that is stored, found another: .*Nothing was taken in"):
        list(take_in(experiment.paths.root, [file]))
