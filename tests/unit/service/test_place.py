from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.errors import StudyError
from closedloop.service.place import ServicePlace, service_place


def test_a_token_is_kept_and_nobody_else_reads_it(tmp_path: Path) -> None:
    place = ServicePlace(tmp_path / "closedloop")
    token = place.token()
    assert place.token() == token
    assert (place.root / "token").stat().st_mode & 0o777 == 0o600
    assert place.root.stat().st_mode & 0o777 == 0o700
    assert ServicePlace(tmp_path / "other").token() != token
    assert len(token) >= 32


@pytest.mark.parametrize("damaged", [b"", b"short", b"\xff" * 40])
def test_a_damaged_token_is_made_anew(tmp_path: Path, damaged: bytes) -> None:
    place = ServicePlace(tmp_path)
    (tmp_path / "token").write_bytes(damaged)
    assert len(place.token()) >= 32
    assert (tmp_path / "token").read_text() == place.token() + "\n"


def test_a_token_that_others_could_read_is_made_anew(tmp_path: Path) -> None:
    place = ServicePlace(tmp_path)
    known = place.token()
    (tmp_path / "token").chmod(0o640)
    assert place.token() != known
    assert place.token() == place.token()
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_two_studies_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    place = ServicePlace(tmp_path)
    here, there = place.of(Path("/a/monkey")), place.of(Path("/b/monkey"))
    assert here.root != there.root
    assert here.root.name.startswith("monkey-")
    assert place.of(Path("/a/monkey")) == here


def test_a_port_is_remembered(tmp_path: Path) -> None:
    own = ServicePlace(tmp_path).of(Path("/a/monkey"))
    assert own.last_port() == 0
    own.remember_port(40_123)
    assert own.last_port() == 40_123
    own.port.write_text("99999\n")
    assert own.last_port() == 0


def test_one_service_holds_a_study(tmp_path: Path) -> None:
    own = ServicePlace(tmp_path).of(Path("/a/monkey"))
    refused = pytest.raises(StudyError, match="expected no other service on this study, found process")
    with own.held(Path("/a/monkey")), refused, own.held(Path("/a/monkey")):
        pass
    with own.held(Path("/a/monkey")):
        pass


def test_a_service_that_keeps_its_own_elsewhere_holds_the_same_study(tmp_path: Path) -> None:
    study = tmp_path / "monkey"
    study.mkdir()
    here, there = (ServicePlace(tmp_path / name).of(study) for name in ("here", "there"))
    refused = pytest.raises(StudyError, match="expected no other service on this study, found another process serving")
    with here.held(study), refused, there.held(study):
        pass
    with there.held(study):
        pass
    assert list(study.iterdir()) == []


@pytest.mark.parametrize("damaged", [b"\xff\xfe", b"", b"x" * 100_000])
def test_whose_study_it_is_may_be_damaged(tmp_path: Path, damaged: bytes) -> None:
    own = ServicePlace(tmp_path).of(Path("/a/monkey"))
    refused = pytest.raises(StudyError, match="found another process serving it")
    with own.held(Path("/a/monkey")):
        (own.root / "serve.lock").write_bytes(damaged)
        with refused, own.held(Path("/a/monkey")):
            pass


def test_the_place_is_where_the_system_keeps_an_accounts_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/kept")
    assert service_place().root == Path("/kept/closedloop")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # which the specification has one ignore
    monkeypatch.setenv("HOME", "/home/somebody")
    assert service_place().root == Path("/home/somebody/.local/state/closedloop")
