"""`closedloop export nwb`: files that archives take, and that hold what the study published, read back by pynwb."""

from __future__ import annotations

import shutil
import signal
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pynwb
import pytest
from hdmf_zarr.nwb import NWBZarrIO
from nwbinspector import inspect_nwbfile, load_config

from closedloop.access.files import PublishedFiles, published_files
from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal_rows import TrialEnded
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.tables import Columns
from closedloop.commands.exchange.nwb_asked import check_request
from closedloop.exchange.nwb.results import result_tables
from closedloop.storage import sha256_file
from tests.equipment.processes import Child
from tests.equipment.two_heads import wait_until
from tests.loop.nwb_files import values
from tests.loop.real_study import PROTOCOL, RealStudy, make_real_study
from tests.loop.studies import ENVIRONMENT, closedloop, command
from tests.unit.blackrock.nsx.nsx_files import ReadByNeo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

METADATA = """
animal: {subject_id: monkey, species: Macaca mulatta, sex: F, date_of_birth: 2018-05-21}
arrays:
  - {name: front, region: aIT, hemisphere: left}
  - {name: back, region: cIT, hemisphere: left}
experimenter: ["Curie, Marie", "Hubel, David"]
institution: Example University
lab: Example Laboratory
"""
NAME = "sub-{subject}/sub-{subject}_ses-{session}_ecephys+image.nwb"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> RealStudy:
    """A real study's day of two processors and three launches of the rig."""
    folder = tmp_path_factory.mktemp("nwb")
    text = PROTOCOL.read_text()
    (folder / "two_arrays.yaml").write_text(
        text.replace("  n_electrodes: 8\n", "  n_electrodes: 8\n  n_processors: 2\n").replace(
            "  raw_electrodes: 1\n  raw_days: [1]\n", "  raw_electrodes: 2\n  raw_days: [0]\n"
        )
    )
    arrays = ("front=array1*", "back=array2*")
    study = make_real_study(folder / "study", protocol=folder / "two_arrays.yaml", arrays=arrays)
    study.present(stops=(6, 14))
    study.record()
    assert study.go_on().waiting_for is not None
    return study


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("told") / "subject.yaml"
    path.write_text(METADATA)
    return path


@pytest.fixture(scope="module")
def exported(real: RealStudy, told: Path) -> Path:
    """The file of the real study's day, beside the study."""
    done = closedloop("export", "nwb", real.root, "--subject", told)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "inspected and validated without a message" in done.stdout
    session = catalog.SESSION.read(catalog.SESSION.published(real.paths, 0)).session_id
    return real.root.with_name("study-nwb") / NAME.format(subject="monkey", session=session)


@pytest.fixture(scope="module")
def content(exported: Path) -> Iterator[pynwb.NWBFile]:
    """What pynwb reads of it; nothing changes the file."""
    with warnings.catch_warnings(), pynwb.NWBHDF5IO(str(exported), "r") as stream:
        warnings.simplefilter("ignore")
        yield stream.read()


@pytest.fixture(scope="module")
def files(real: RealStudy) -> PublishedFiles:
    return published_files(real.root)


def assert_table(table: pynwb.core.DynamicTable, published: Columns) -> None:
    """A table has each published column as it is; of one that is NaN throughout archives want nothing."""
    assert published
    for name, column in published.items():
        if column.dtype.kind == "f" and np.isnan(column).all():
            assert name not in table.colnames
        else:
            np.testing.assert_array_equal(values(table, name), column, err_msg=name)


def test_inspector_and_validator_have_nothing_to_say(exported: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for config in (None, load_config("dandi")):
            assert [one.message for one in inspect_nwbfile(exported, config=config, skip_validate=True)] == []
        assert pynwb.validate(path=str(exported)) == []


def test_the_file_says_who_and_when(content: pynwb.NWBFile, real: RealStudy) -> None:
    subject = content.subject
    assert (subject.subject_id, subject.species, subject.sex) == ("monkey", "Macaca mulatta", "F")
    assert subject.date_of_birth.date().isoformat() == "2018-05-21"
    assert list(content.experimenter) == ["Curie, Marie", "Hubel, David"]
    assert (content.institution, content.lab) == ("Example University", "Example Laboratory")
    assert content.session_start_time.isoformat() == "2022-01-03T09:00:00+00:00"  # the files' headers, in UTC
    groups = content.electrode_groups
    assert {name: one.location for name, one in groups.items()} == {
        "front": "aIT, left hemisphere",
        "back": "cIT, left hemisphere",
    }
    assert {one.device.model.manufacturer for one in groups.values()} == {"Blackrock Neurotech"}
    assert "simulated" not in (content.session_description + subject.description).lower()


def test_electrodes_are_the_sites_of_the_day(content: pynwb.NWBFile, files: PublishedFiles) -> None:
    sites = files.read(catalog.SITES, 0).sites
    electrodes = content.electrodes
    assert values(electrodes, "neuroid_id").tolist() == [site.neuroid_id for site in sites]
    assert values(electrodes, "electrode_id").tolist() == [site.electrode_id for site in sites]
    assert values(electrodes, "processor").tolist() == [site.processor for site in sites]
    for name in ("reliability", "sigma_hz", "mean_rate_hz", "site_index"):
        wanted = [np.nan if getattr(site, name) is None else float(getattr(site, name)) for site in sites]
        np.testing.assert_array_equal(values(electrodes, name), wanted)


def test_trials_are_the_presentations_of_journal_and_responses(content: pynwb.NWBFile, files: PublishedFiles) -> None:
    responses, stimuli = files.read(catalog.RESPONSES, 0), files.read(catalog.STIMULI, 0)
    shown = files.read(catalog.JOURNAL, 0).presentations
    trials = content.trials
    assert len(trials) == len(shown) > 100
    np.testing.assert_array_equal(values(trials, "start_time"), responses["onset_s"])
    image = responses["image_index"]
    assert values(trials, "ordinal").tolist() == responses["ordinal"].tolist()
    assert values(trials, "stimulus_presented").tolist() == image.tolist()
    assert values(trials, "image_hash").tolist() == responses["stimulus_id"].tolist()
    assert values(trials, "repetition").tolist() == (responses["repetition"] + 1).tolist()
    for name in ("used", "reason", "onset_source"):
        assert values(trials, name).tolist() == responses[name].tolist()
    for name in ("kind", "role", "category", "image_id"):
        assert values(trials, name).tolist() == stimuli[name][image].tolist()
    assert values(trials, "clean_image").tolist() == stimuli["clean_index"][image].tolist()
    assert values(trials, "fixation_correct").tolist() == [one.outcome == "accepted" for one in shown]
    assert values(trials, "stimulus_order_in_trial").tolist() == [one.position + 1 for one in shown]
    epsilon = np.nan_to_num(values(trials, "epsilon"))
    np.testing.assert_array_equal(epsilon, stimuli["epsilon"][image])
    up_s = [one.offset_s - one.onset_s for one in shown]
    np.testing.assert_allclose(values(trials, "stop_time") - values(trials, "start_time"), up_s, atol=1e-9)
    assert set(values(trials, "stimulus_size_degrees").tolist()) == {
        files.read(catalog.SESSION, 0).screen.visual_angle_deg
    }


def test_each_image_of_a_trial_lies_within_a_fixation(content: pynwb.NWBFile, files: PublishedFiles) -> None:
    fixations, trials = content.intervals["fixation_trials"], content.trials
    bounds = {
        number: (start, stop)
        for number, start, stop in zip(
            values(fixations, "trial_index").tolist(),
            values(fixations, "start_time").tolist(),
            values(fixations, "stop_time").tolist(),
            strict=True,
        )
    }
    for number, start in zip(
        values(trials, "trial_index").tolist(), values(trials, "start_time").tolist(), strict=True
    ):
        assert bounds[number][0] < start < bounds[number][1]
    ended = [row for row in files.read(catalog.JOURNAL, 0).rows if isinstance(row, TrialEnded)]
    assert values(fixations, "outcome").tolist() == [row.outcome for row in ended]


def test_images_are_the_bytes_shown_and_each_onset_points_to_its_own(
    content: pynwb.NWBFile, files: PublishedFiles
) -> None:
    pixels = files.read(catalog.IMAGES, 0)["images"]
    names = files.read(catalog.STIMULI, 0)["stimulus_id"].tolist()
    images = content.stimulus_template["images"]
    assert [one.name for one in images.order_of_images.data[:]] == names
    for name, wanted in zip(names, pixels, strict=True):
        np.testing.assert_array_equal(images.images[name].data[:], wanted)
        assert images.images[name].description
    series = content.stimulus["presentations"]
    assert series.indexed_images is images
    assert series.data[:].tolist() == values(content.trials, "stimulus_presented").tolist()
    np.testing.assert_array_equal(series.timestamps[:], values(content.trials, "start_time"))


def test_counts_are_those_of_the_used_presentations(content: pynwb.NWBFile, files: PublishedFiles) -> None:
    responses, counts = files.read(catalog.RESPONSES, 0), files.read(catalog.COUNTS, 0)["counts"]
    series = content.processing["ecephys"]["responses"]
    np.testing.assert_array_equal(series.data[:], counts[responses["used"]])
    np.testing.assert_array_equal(series.timestamps[:], responses["onset_s"][responses["used"]])


def test_all_spikes_are_there_and_give_the_counts_again(content: pynwb.NWBFile, files: PublishedFiles) -> None:
    """Counted anew from the file alone: exactly on the axis's processor, on the other but for spikes at an edge."""
    responses, counts = files.read(catalog.RESPONSES, 0), files.read(catalog.COUNTS, 0)["counts"]
    names = [site.neuroid_id for site in files.read(catalog.SITES, 0).sites]
    units, used = content.units, responses["used"]
    start = values(content.trials, "start_time")[used]
    off = {"array1": 0, "array2": 0}
    for row, name in enumerate(units["neuroid_id"].data[:]):
        spikes = units["spike_times"][row]
        found = np.searchsorted(spikes, start + 0.170) - np.searchsorted(spikes, start + 0.070)
        wanted = counts[used, names.index(name)]
        off[name.partition("-")[0]] += int((found != wanted)[np.isfinite(wanted)].sum())
        low, high = units["obs_intervals"][row][:, 0].min(), units["obs_intervals"][row][:, 1].max()
        assert low <= spikes[0] <= spikes[-1] <= high
    assert off["array1"] == 0
    assert off["array2"] <= 0.005 * counts[used].size
    found = files.read(catalog.QUALITY, 0)
    assert len(units["spike_times"].target.data) == sum(one.n_spikes for one in found.devices)
    assert units.resolution == 1 / 30_000


def test_sealed_signs_and_estimates_are_the_published_tables(content: pynwb.NWBFile, files: PublishedFiles) -> None:
    misc = content.processing["misc"]
    assert_table(misc["stimuli"], files.read(catalog.STIMULI, 0))
    seal = read_manifest(files.path(catalog.STIMULI, 0).parent).outputs["stimuli.parquet"].sha256
    assert seal in misc["stimuli"].description
    sensitivity, pairs = files.read(catalog.SENSITIVITY, 0), files.read(catalog.PAIRS, 0)
    measured = ~sensitivity["truth"]
    assert_table(misc["sensitivity"], {name: sensitivity[name][measured] for name in sensitivity if name != "truth"})
    assert_table(misc["pairs"], {name: pairs[name] for name in pairs if not name.startswith("true_")})
    assert not {"truth", "true_change"} & {*misc["sensitivity"].colnames, *misc["pairs"].colnames}


def test_every_file_that_it_came_from_is_named_with_its_hash(content: pynwb.NWBFile, files: PublishedFiles) -> None:
    source = content.processing["misc"]["source_files"]
    named = dict(zip(values(source, "path").tolist(), values(source, "sha256").tolist(), strict=True))
    assert {"day-00/recording/array1.nev", "day-00/recording/array2.ns6", "day-00/present/journal.jsonl"} <= set(named)
    for path in ("day-00/recording/array1.nev", "day-00/ingest/responses.h5"):
        assert named[path] == sha256_file(files.paths.root / path)


def test_what_is_whole_is_kept_and_a_killed_export_leaves_no_file_under_its_name(
    real: RealStudy, told: Path, exported: Path, tmp_path: Path
) -> None:
    """Made again after the kill, over a damaged file, from the same: the same bytes."""
    out = Path(shutil.copytree(exported.parents[1], tmp_path / "out"))
    name, words = exported.name, ("export", "nwb", real.root, "--subject", told, "--out", out)
    file = out / "sub-monkey" / name
    inode = file.stat().st_ino
    kept = closedloop(*words, "--day", "0")
    assert "is there and whole" in kept.stdout
    assert file.stat().st_ino == inode
    file.unlink()
    with Child[bytes](command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT) as child:
        wait_until(lambda: any(out.glob("*/.*.partial.nwb")), "a file that is being written")
        child.send_signal(signal.SIGKILL)
    assert not file.exists()
    file.write_bytes(exported.read_bytes()[:-100])
    again = closedloop(*words)
    assert "inspected and validated" in again.stdout, again.stderr
    left = sorted(path.name for path in out.rglob("*") if path.is_file())
    assert left == ["exported.json", name]
    assert file.read_bytes() == exported.read_bytes()


def test_a_message_of_the_inspector_is_shown_and_stands_in_the_files_name(
    real: RealStudy, tmp_path: Path, exported: Path
) -> None:
    told = tmp_path / "subject.yaml"
    told.write_text(METADATA.replace('"Curie, Marie"', "Marie Curie"))
    done = closedloop("export", "nwb", real.root, "--subject", told, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "check_experimenter_form" in done.stdout
    (left,) = (tmp_path / "out").rglob("*.nwb")
    assert left.name == exported.name.replace(".nwb", "_with-messages.nwb")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("date_of_birth: 2018-05-21", "age: null"), "expected date_of_birth or age (P8Y), found neither"),
        (("subject_id: monkey", "subject_id: other"), "animal.subject_id: expected monkey, as the study has it"),
        (("  - {name: back, region: cIT, hemisphere: left}\n", ""), "and a recording of processor 2"),
        (("institution: Example University\n", ""), "institution: expected a value, found none"),
    ],
)
def test_what_is_missing_of_animal_arrays_and_people_is_one_line(
    real: RealStudy, tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    told = tmp_path / "subject.yaml"
    told.write_text(METADATA.replace(*change))
    done = closedloop("export", "nwb", real.root, "--subject", told, "--out", tmp_path / "out")
    assert (done.returncode, said in done.stderr, done.stderr.count("\n")) == (1, True, 1), done.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.nwb"))


def test_a_study_of_init_without_metadata_is_told_what_it_lacks(real: RealStudy) -> None:
    done = closedloop("export", "nwb", real.root)
    assert done.returncode == 1
    assert "metadata.json: expected species, sex, date of birth or age" in done.stderr
    assert "--subject FILE" in done.stderr


def test_nobody_knows_the_truth_of_a_real_study(real: RealStudy, told: Path) -> None:
    done = closedloop("export", "nwb", real.root, "--subject", told, "--truth")
    assert (done.returncode, "nobody knows its truth" in done.stderr) == (2, True)


def test_a_simulated_study_says_so_and_keeps_its_truth_unless_asked(undisturbed: Path, tmp_path: Path) -> None:
    done = closedloop("export", "nwb", undisturbed, "--day", "1", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    with warnings.catch_warnings(), pynwb.NWBHDF5IO(str(next(tmp_path.rglob("*.nwb"))), "r") as stream:
        warnings.simplefilter("ignore")
        file = stream.read()
        assert file.session_description.startswith("SIMULATED")
        assert file.subject.description.startswith("SIMULATED")
        misc = file.processing["misc"]
        assert not {"truth", "true_change"} & {*misc["pairs"].colnames, *misc["sensitivity"].colnames}
    asked = check_request(undisturbed, day=1, truth=True)
    with_truth = {table.name: table for table in result_tables(asked.sessions[0])}
    assert "true_change" in with_truth["pairs"].colnames
    assert with_truth["sensitivity"]["truth"].data.any()
    assert with_truth["pairs"].description.startswith("SIMULATED")


def test_a_zarr_store_with_the_voltage_holds_what_the_file_holds_and_the_recorded_bits(
    real: RealStudy, told: Path, content: pynwb.NWBFile, tmp_path: Path
) -> None:
    done = closedloop("export", "nwb", real.root, "--subject", told, "--voltage", "--zarr", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "inspected and validated without a message" in done.stdout
    with warnings.catch_warnings(), NWBZarrIO(str(next(tmp_path.rglob("*.nwb.zarr"))), "r") as stream:
        warnings.simplefilter("ignore")
        found = stream.read()
        for name in content.trials.colnames:
            np.testing.assert_array_equal(values(found.trials, name), values(content.trials, name), err_msg=name)
        spikes = [one.units["spike_times"].target.data[:] for one in (found, content)]
        np.testing.assert_array_equal(*spikes)
        images = content.stimulus_template["images"].images
        for name, image in found.stimulus_template["images"].images.items():
            np.testing.assert_array_equal(image.data[:], images[name].data[:])
        assert len(images) == len(found.stimulus_template["images"].images) > 10
        assert_voltage(found, real)


def assert_voltage(found: pynwb.NWBFile, real: RealStudy) -> None:
    """Each processor's series are what its .ns6 has of its electrodes, by neo."""
    assert any(name.startswith("voltage") for name in found.acquisition)
    for number in (1, 2):
        series = [one for name, one in found.acquisition.items() if name.startswith(f"voltage_processor{number}")]
        recorded = ReadByNeo(real.root / f"day-00/recording/array{number}", 6)
        assert len(series) in (0, len(recorded.segments))
        labels = recorded.channels["name"].tolist()
        for bits, one in zip(recorded.segments, sorted(series, key=lambda series: series.starting_time), strict=False):
            rows = one.electrodes.data[:]
            wanted = [labels.index(values(found.electrodes, "label")[row]) for row in rows]
            np.testing.assert_array_equal(one.data[:].reshape(len(bits), -1), bits[:, wanted])
