"""`rig calibrate ...` as it is typed: what is asked, what is stored, and what is refused in a line."""

from __future__ import annotations

import datetime
import re

import pytest
from typer.testing import CliRunner

from closedloop.artifacts.rig.calibrations import LightDelay
from closedloop.artifacts.rig.description import read_rig
from closedloop.artifacts.rig.light import LightDocument
from closedloop.errors import OptionError, RigError
from rig.cli import app
from tests.equipment.fake_microcontroller import faking
from tests.equipment.microcontrollers import until
from tests.equipment.person import Person

RIG = """\
name: rig 2  # the left one
subject_screen: {screen: 0, width_px: 320, height_px: 240, refresh_hz: 60, width_cm: 16, distance_cm: 57.2}
photodiode: {corner: upper_right, side_px: 20}
codes: {transport: none}
gaze: {source: none}
reward: {device: none}
recorder: {kind: none}
"""
TODAY = datetime.date.today


def rig_file(tmp_path, text=RIG):
    path = tmp_path / "rig.yaml"
    path.write_text(text)
    return path


def run(*words):
    return CliRunner().invoke(app, ["calibrate", *map(str, words)], catch_exceptions=False)


def refused(error, *words):
    with pytest.raises(error) as raised:
        run(*words)
    return str(raised.value)


def calibrations(path):
    return read_rig(path)[0].calibrations


def table(tmp_path, *, fault=1.0):
    path = tmp_path / "weights.csv"
    rows = [f"{ms},100,{100 * (0.004 * ms - 0.02) * (fault if ms == 100 else 1)}" for ms in (25, 50, 100, 150, 200)]
    path.write_text("\n".join(["duration_ms,openings,g", *rows]) + "\n")
    return path


def test_weights_of_a_table_are_stored_with_a_date_and_the_rest_of_the_file_stays(tmp_path):
    path = rig_file(tmp_path)
    done = run("valve", "--rig", path, "--from", table(tmp_path))
    assert done.exit_code == 0
    assert "an opening of t ms gives -0.0200 ml + 0.004000 ml x t" in done.stdout
    found = calibrations(path)
    assert found.reward == TODAY()
    assert found.valve.ml(100.0) == pytest.approx(0.38)
    assert path.read_text().startswith(RIG)
    assert "Its reward.device is none" in done.stderr


def test_a_fit_is_stored_with_six_digits_and_no_more(tmp_path):
    path, weights = rig_file(tmp_path), tmp_path / "weights.csv"
    rows = [
        f"{ms},100,{100 * (0.004 * ms - 0.02) + noise}"
        for ms, noise in ((25, 0.01), (50, -0.02), (100, 0.01), (200, 0))
    ]
    weights.write_text("\n".join(["duration_ms,openings,g", *rows]) + "\n")
    assert run("valve", "--rig", path, "--from", weights).exit_code == 0
    levels = tmp_path / "levels.csv"
    readings = [f"{v},{0.4 + 119.6 * (v / 255) ** 2.2 + v % 3 / 100}" for v in (0, 32, 64, 127, 192, 255)]
    levels.write_text("\n".join(["level,cd_m2", *readings]) + "\n")
    assert run("gamma", "--rig", path, "--from", levels).exit_code == 0
    stored = path.read_text().removeprefix(RIG)
    digits = [len(number.replace(".", "").lstrip("0")) for number in re.findall(r"\d+\.\d+", stored)]
    assert len(digits) > 8
    assert max(digits) == 6


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("weights.csv", "duration_ms,openings,g\n25,100,9\n"),
        ("flashes.json", '{"format_version": 1, "simulated": false, "kind": "photodiode_flashes", "rig": "rig 2"}'),
        ("light.json", None),
    ],
)
def test_a_file_that_is_not_of_light_is_refused_with_the_one_that_is_meant(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_text(content)
    said = refused(RigError, "photodiode", "--rig", rig_file(tmp_path), "--from", tmp_path / name)
    assert said.startswith(str(tmp_path / name))
    assert said.endswith(", or give the light.json of `closedloop recording light`.")


def test_implausible_weights_are_stored_where_that_is_said_and_else_not(tmp_path):
    path, weights = rig_file(tmp_path), table(tmp_path, fault=1.5)
    refused_run = run("valve", "--rig", path, "--from", weights)
    assert refused_run.exit_code == 1
    assert "batch 3, 100 x 100 ms, gave 57 ml" in refused_run.stderr
    assert "Nothing was stored; with --accept it is" in refused_run.stderr
    assert path.read_text() == RIG
    assert run("valve", "--rig", path, "--from", weights, "--accept").exit_code == 0
    assert calibrations(path).valve is not None


def test_readings_of_a_table_are_stored_with_a_date(tmp_path):
    path, levels = rig_file(tmp_path), tmp_path / "levels.csv"
    rows = [f"{v},{0.4 + 119.6 * (v / 255) ** 2.2}" for v in (0, 32, 64, 127, 192, 255)]
    levels.write_text("\n".join(["level,cd_m2", *rows]) + "\n")
    done = run("gamma", "--rig", path, "--from", levels)
    assert done.exit_code == 0
    assert "gamma 2.200, from 0.4 to 120 cd/m2, by 6 levels" in done.stdout
    found = calibrations(path)
    assert found.luminance == TODAY()
    assert found.gamma.gamma == pytest.approx(2.2, abs=1e-3)


def test_what_the_recording_says_of_light_is_stored_with_the_day_of_the_flashes(tmp_path):
    path, light = rig_file(tmp_path), tmp_path / "light.json"
    delay = LightDelay(latency_ms=27.25, jitter_ms=0.31, n_flashes=198, n_missed=2)
    LightDocument(
        simulated=False,
        rig="rig 2",
        date=datetime.date(2026, 11, 20),
        light=delay,
        early_ms=26.9,
        late_ms=27.6,
        n_shown=200,
        n_without_code=0,
        n_off_frame=0,
    ).write(light)
    assert run("photodiode", "--rig", path, "--from", light).exit_code == 0
    found = calibrations(path)
    assert (found.photodiode, found.light) == (datetime.date(2026, 11, 20), delay)


@pytest.mark.parametrize(
    ("counts", "said"),
    [({"n_missed": 12}, "12 of 200 flashes have no light"), ({"n_extra": 9}, "9 edges of light belong to no flash")],
)
def test_poor_light_is_stored_where_that_is_said_and_else_not(tmp_path, counts, said):
    path, light = rig_file(tmp_path), tmp_path / "light.json"
    LightDocument(
        simulated=False,
        rig="rig 2",
        date=datetime.date(2026, 11, 20),
        light=LightDelay(latency_ms=27.25, jitter_ms=0.31, n_flashes=200 - counts.get("n_missed", 0), **counts),
        early_ms=26.9,
        late_ms=27.6,
        n_shown=200,
        n_without_code=0,
        n_off_frame=0,
    ).write(light)
    doubted = run("photodiode", "--rig", path, "--from", light)
    assert doubted.exit_code == 1
    assert said in doubted.stderr
    assert path.read_text() == RIG
    assert run("photodiode", "--rig", path, "--from", light, "--accept").exit_code == 0
    assert calibrations(path).light.latency_ms == 27.25


def test_light_of_another_rig_or_of_no_screen_is_refused(tmp_path):
    path, light = rig_file(tmp_path), tmp_path / "light.json"
    said = LightDocument(
        simulated=False,
        rig="rig 3",
        date=datetime.date(2026, 11, 20),
        light=LightDelay(latency_ms=27.25, jitter_ms=0.31, n_flashes=198),
        early_ms=26.9,
        late_ms=27.6,
        n_shown=200,
        n_without_code=0,
        n_off_frame=0,
    )
    said.write(light)
    assert "expected light of rig 2, found that of rig 3" in refused(
        RigError, "photodiode", "--rig", path, "--from", light
    )
    said.model_copy(update={"rig": "rig 2", "simulated": True}).write(light)
    assert "expected light of a screen, found simulated" in refused(
        RigError, "photodiode", "--rig", path, "--from", light
    )
    assert path.read_text() == RIG


def test_numbers_that_were_measured_elsewhere_are_stored(tmp_path):
    path = rig_file(tmp_path)
    numbers = ("--latency-ms", 25.5, "--jitter-ms", 0.4, "--n", 120)
    assert run("photodiode", "--rig", path, *numbers).exit_code == 0
    found = calibrations(path)
    assert (found.photodiode, found.light) == (TODAY(), LightDelay(latency_ms=25.5, jitter_ms=0.4, n_flashes=120))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["photodiode"], "expected --out FOLDER, --from FILE, or --latency-ms, --jitter-ms and --n together"),
        (["photodiode", "--latency-ms", "3"], "expected --out FOLDER, --from FILE, or --latency-ms"),
        (["photodiode", "--from", "a", "--out", "b"], "expected --out FOLDER, --from FILE, or"),
        (["photodiode", "--out", "b"], "expected somebody at a terminal, found none"),
        (["valve"], "expected somebody at a terminal, found none. Run it in one, or give what was weighed by --from"),
        (["gamma"], "expected somebody at a terminal, found none. Run it in one, or give what was read by --from"),
    ],
)
def test_a_line_that_is_wrong_by_itself(tmp_path, words, said):
    assert said in refused(OptionError, *words, "--rig", rig_file(tmp_path))


@pytest.fixture
def valve_at(tmp_path):
    with faking(tmp_path / "tty") as fake:
        yield (
            fake,
            rig_file(tmp_path, RIG.replace("{device: none}", f"{{device: microcontroller, address: {tmp_path}/tty}}")),
        )


@pytest.mark.slow
def test_a_person_weighs_what_the_valve_gave(valve_at):
    fake, path = valve_at
    person = Person("calibrate", "valve", "--rig", path, "--ms", 10, "--ms", 20, "--openings", 2, "--leak-s", 0.1)
    person.answer("[y/N]", "y\n")
    person.answer("closed valve in 0.1 s", "0\n")
    for n, grams in enumerate(("0.16", "0.36", "0.36", "0.16")):
        person.answer("[y/N]", "y\n")
        assert len(fake.openings_ms()) == 2 * n
        person.answer("Weight of 2 x", f"{grams}\n")
    person.wait_for("stored.")
    assert person.end() == 0
    assert fake.openings_ms() == [10.0, 10.0, 20.0, 20.0, 20.0, 20.0, 10.0, 10.0]
    found = calibrations(path)
    assert found.reward == TODAY()
    assert (found.valve.ml(10.0), found.valve.ml(20.0)) == (pytest.approx(0.08), pytest.approx(0.18))
    assert found.valve.leak_ml_per_min == 0.0


@pytest.mark.slow
def test_who_says_no_opens_no_valve_and_stores_nothing(valve_at):
    fake, path = valve_at
    before = path.read_text()
    person = Person("calibrate", "valve", "--rig", path, "--leak-s", 0)
    person.answer("[y/N]", "\n")
    person.wait_for("Weigh more")
    assert person.end() == 1
    assert fake.openings_ms() == []
    assert path.read_text() == before


@pytest.mark.slow
def test_ctrl_c_in_a_batch_ends_it(valve_at):
    fake, path = valve_at
    person = Person("calibrate", "valve", "--rig", path, "--leak-s", 0, "--ms", 25, "--ms", 50)
    person.answer("[y/N]", "y\n")
    until(fake.openings_ms)
    person.process.send_signal(2)
    assert person.end() == 130
    assert len(fake.openings_ms()) < 100
    assert calibrations(path).valve is None


def test_of_numbers_that_were_measured_elsewhere_nobody_has_counted_what_was_missed(tmp_path):
    path = rig_file(tmp_path)
    assert run("photodiode", "--rig", path, "--latency-ms", 25.5, "--jitter-ms", 0.4, "--n", 120).exit_code == 0
    light = calibrations(path).light
    assert (light.n_flashes, light.n_missed, light.n_extra) == (120, None, None)
    assert "n_missed" not in path.read_text()
