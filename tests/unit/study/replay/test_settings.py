from __future__ import annotations

import pytest

from closedloop.artifacts.protocol.protocol import parse_protocol, read_protocol
from closedloop.errors import OptionError
from closedloop.study.replay.settings import KEYS, by_detection, read_settings
from tests.unit.days import SMOKE

PROTOCOL = read_protocol(SMOKE)


def test_a_window_sets_both_of_its_ends() -> None:
    found = read_settings("recording.window_ms=[60,160]", PROTOCOL)
    assert (found.protocol.recording.window_start_ms, found.protocol.recording.window_stop_ms) == (60, 160)
    assert found.protocol.attack == PROTOCOL.attack
    assert found.stages == ("ingest", "evaluate")


def test_several_settings_make_one_column() -> None:
    found = read_settings(" recording.notch = 50 ; sites.min_reliability=0.25;", PROTOCOL)
    assert found.protocol.recording.notch == 50
    assert found.protocol.sites.min_reliability == 0.25
    assert found.name == "recording.notch = 50 ; sites.min_reliability=0.25;"


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("fit.epochs=3", ("refit",)),
        ("evaluation.unit_steps=3", ("evaluate",)),
        ("sites.min_reliability=0.1", ("ingest", "evaluate")),
        ("recording.bridge_ms=0; fit.epochs=3", ("ingest", "refit", "evaluate")),
    ],
)
def test_the_stages_that_a_setting_decides_are_made(text: str, stages: tuple[str, ...]) -> None:
    assert read_settings(text, PROTOCOL).stages == stages


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recording.windw_ms=[60,160]", "Did you mean recording.window_ms?"),
        ("attack.steps=3", "expected a key that decides what is made after a session"),
        ("sites.n_sites=3", "expected a key that decides what is made after a session"),
        ("recording.specification=2.2", "expected a key that decides what is made after a session"),
        ("recording.window_ms=70", "expected a start and a stop"),
        ("recording.window_ms=ab", "expected a start and a stop"),
        ("recording.window_ms=[160,60]", "expected a window that ends after it starts"),
        ("recording.spikes_from=both", "expected nev or raw"),
        ("recording.notch=[", "expected YAML"),
        ("recording.notch=50; recording.notch=60", "twice"),
        ("recording.notch", "expected KEY=VALUE"),
        (";", "expected KEY=VALUE"),
    ],
)
def test_settings_that_cannot_be_are_one_line(text: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_settings(text, PROTOCOL)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_definition_counts_spikes_of_raw_voltage() -> None:
    found = by_detection("dicarlo", PROTOCOL)
    assert (found.protocol.recording.detection, found.protocol.recording.spikes_from) == ("dicarlo", "raw")
    assert found.stages == ("ingest", "evaluate")


def test_the_protocol_file_says_what_is_set_and_nothing_else_changes() -> None:
    text = "recording.window_ms=[60,160]; fit.epochs=7"
    content = read_settings(text, PROTOCOL).protocol_file(SMOKE.read_bytes())
    assert parse_protocol(content, place="file") == read_settings(text, PROTOCOL).protocol
    section = SMOKE.read_text().split("recording:")[0]
    assert content.decode().startswith(section)


def test_every_key_is_one_of_the_protocol() -> None:
    sections = PROTOCOL.model_dump()
    for key in KEYS:
        section, _, field = key.partition(".")
        assert field in sections[section] or key == "recording.window_ms"
