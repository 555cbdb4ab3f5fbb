"""Command lines that are wrong: each is one line with the right remedy, exit code 1 or 2, and leaves nothing behind."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from closedloop.commands import accept_session, brought, create, run, status, verify
from closedloop.commands.recording_files import events, info
from closedloop.commands.recording_files.extracts import codes, samples
from closedloop.study import pages
from closedloop.study.create import Request, create_study
from rig import check
from tests.unit.forked import command

ROOT = Path(__file__).parents[3]
LOADED = (accept_session, brought, check, codes, create, events, info, pages, run, samples, status, verify)  # once

# what is typed (RIG: the rig's) and what is said; {study}: a study, {file}: a text, {folder}: an empty folder, {link}:
# one that leads to itself
UNDERSTOOD_BY_NONE = [
    ("stauts {study}", "No such command 'stauts'. Did you mean 'status'"),
    ("status {study} --jsno", "No such option: --jsno. Did you mean --json?"),
    ("status", "Missing argument 'STUDY'."),
    ("status {study} {study}", "unexpected extra argument"),
    ("status ''", "expected no empty words, found one after 'status'. Is a variable of the shell not set?"),
    ("run '' --workers 2", "expected no empty words"),
    ("run {study} --settle -1", "'--settle': expected a number of at least 0, found"),
    ("run {study} --settle nan", "'--settle': expected a number of at most 86400, found nan."),
    ("run {study} --settle inf", "'--settle': expected a number of at most 86400, found"),
    ("run {study} --settle soon", "'--settle': expected a number, found soon."),
    ("dry-run new --days 0", "'--days': expected a number of at least 1, found"),
    ("dry-run new --days -3", "'--days': expected a number of at least 1, found"),
    ("dry-run new --days 1.5", "'--days': expected a whole number, found"),
    ("dry-run new --dyas 1", "No such option: --dyas. Did you mean --days?"),
    ("init new", "Missing option '--subject'."),
    ("accept-session {study} --day -1 --despite x --why y", "'--day': expected a number of at least 0, found"),
    ("accept-session {study} --day one --despite x --why y", "'--day': expected a whole number, found"),
    ("accept-session {study} --day 0 --why y", "Missing option '--despite'."),
    ("accept-recording {study} --day 0", "Missing option '--why' / '--reason'."),
    ("exclude {study} --site 0 --why y", "Missing option '--from'."),
    ("include {study} --site 0 --from fit", "Missing option '--why' / '--reason'."),
    ("exclude {study} --day -1 --from fit --why y", "'--day': expected a number of at least 0, found"),
    ("close-day {study} --why y", "Missing option '--day'."),
    ("exclude {study} --from fit --why y", "expected --site, --electrode, --array, --day or --presentations"),
    ("exclude {study} --site 0 --from all --why y", "--from: expected fit, evaluation or both, found all."),
    ("exclude {study} --day 7 --from fit --why y", "--day: expected a day from 0 to"),
    (
        "exclude {study} --day 0 --site 1 --from fit --why y",
        "--day: expected it alone or with --block and --presentations",
    ),
    ("exclude {study} --presentations 1-2 --from fit --why y", "--presentations: expected --day with it"),
    ("exclude {study} --array nosuch --from fit --why y", "found nosuch. Correct it."),
    ("recording", "Usage: closedloop recording"),
    ("recording inof x", "No such command 'inof'. Did you mean 'info'?"),
    ("recording make new --seconds -1", "'--seconds': expected a number of at least 4, found"),
    ("recording make new --seconds nan", "'--seconds': expected a number of at most 86400, found nan."),
    ("recording make new --seconds 1e12", "'--seconds': expected a number of at most 86400, found"),
    ("recording make new --channels 0", "'--channels': expected a number of at least 1, found"),
    ("recording make new --processors 3", "'--processors': expected a number of at most 2, found"),
    ("recording make new --seed -1", "'--seed': expected a number of at least 0, found"),
    ("attack", "Missing argument 'MODEL'."),
    ("attack m i --out new --steps 0", "'--steps': expected a number of at least 1, found"),
    ("attack m i --out new --shift 2", "'--shift': expected a number of at most 0.5, found"),
    ("studies unit-sensitivty", "Did you mean 'unit-sensitivity'"),
    ("studies unit-sensitivity --units 0", "'--units': expected a number of at least 1, found"),
    ("run {study} --workers 0", "--workers 0: expected N or local:N"),
    ("run {study} --workers -1", "--workers -1: expected N or local:N"),
    ("run {study} --workers dask:", "--workers dask:: expected N or local:N"),
    ("run {study} --workers two", "--workers two: expected N or local:N"),
    ("run {study} --workers 1e3", "--workers 1e3: expected N or local:N"),
    ("recording codes {file} --out new.nev", "found the name of a recorder's: these are never written to."),
    ("base-model train new.safetensors --name nosuch", "--name nosuch: expected one of small_plain_robust"),
    ("base-model train new.safetensors --epsilon -1", "'--epsilon': expected a number of at least 0, found"),
    ("base-model train-family --out new --epsilons 1,x", "--epsilons x: expected a number from 0 (no attacks)"),
    ("studies screening --repetitions 1", "'--repetitions': expected a number of at least 2, found"),
    ("studies screening --out new --study a --responses b", "expected one of the two, found both. Leave one out."),
    ("studies unit-sensitivity --out new --epsilon 1,x", "found 'x'. Correct it."),
    ("attack small_resnet_robust {folder} --out new --epsilon 1,-1", "found '-1'. Correct it."),
    ("attack small_resnet_robust {folder} --out new --search best", "--search best: expected one of"),
    ("attack small_resnet_robust {folder} --out new --direction left", "--direction left: expected one of"),
    ("attack small_resnet_robust {folder} --out new --workers 0", "--workers 0: expected N or local:N"),
    ("run {study} --workers tcp://[::1", "--workers tcp://[::1: expected N or local:N"),
    ("dry-run new --workers tcp://host:99999", "--workers tcp://host:99999: expected N or local:N"),
    ("attack small_resnet_robust {folder} --out new --epsilon 1e300", "--epsilon: expected at most 388"),
    ("attack small_resnet_robust {folder} --out new --search cosin", "Did you mean cosine? Correct it."),
    ("attack small_resnet_robust {folder} --out new --outputs -1", "--outputs -1: expected all, or numbers"),
    ("attack small_resnet_robust {folder} --out new --outputs 5-1", "found 5-1. Exchange its ends."),
    ("attack small_resnet_robust {folder} --out new --search annealed --noise 1", "--search annealed: expected cosine"),
    ("attack small_resnet_robust {folder} --out new --architecture resnet05", "Did you mean resnet50? Correct it."),
    ("attack m i --out new --steps 999999999999", "'--steps': expected a number of at most 100000, found"),
    ("attack m i --out new --noise inf", "'--noise': expected a number of at most 1, found inf."),
    ("attack m i --out new --side-px 100000", "'--side-px': expected a number of at most 1024, found 100000."),
    ("base-model train new.pt", "OUT new.pt: expected a name that ends in .safetensors"),
    ("base-model import {file} --out new.pt", "--out new.pt: expected a name that ends in .safetensors"),
    ("RIG presnet x", "No such command 'presnet'. Did you mean 'present'?"),
    ("RIG present x --audit-pixels -1", "'--audit-pixels': expected a number of at least 0, found"),
    ("RIG present x --display tv", "'--display': expected one of psychopy, headless, found tv. See"),
    ("RIG present x --gaze eye", "'--gaze': expected one of scripted, mouse, found eye. See"),
    ("recording info x --against nero", "'--against': expected one of neo, found nero. See"),
]
REFUSED = [
    ("status /nowhere", "/nowhere: expected a study folder, found nothing there."),
    ("status {file}", "found a file. Give the folder of a study."),
    ("status {folder}", "found no study.json in it."),
    ("status {study}/day-00/schedule", "found nothing there."),
    (
        "status {link}",
        "{link}: expected a study folder, found a link that leads to itself. Correct the link, or the path.",
    ),
    ("run {link}", "found a link that leads to itself."),
    ("verify {link}", "found a link that leads to itself."),
    ("report {link}", "found a link that leads to itself."),
    ("accept-recording {link} --day 0 --why y", "found a link that leads to itself."),
    ("dry-run {link} --protocol smoke", "{link}"),
    ("dry-run new --protocol {link}", "{link}"),
    ("dry-run new --protocol smoke --images {link}", "{link}"),
    ("dry-run new --protocol smoke --base-model {link}", "{link}"),
    ("recording info {link}", "{link}"),
    ("attack {link} {file} --out new", "{link}"),
    ("attack small_resnet_robust {link} --out new", "{link}"),
    ("RIG check {link}", "{link}"),
    ("RIG present {link} --display headless", "{link}"),
    ("status {study}/inputs", "found a part of one. Give the study itself, {study}."),
    ("run /nowhere", "/nowhere: expected a study folder, found nothing there."),
    ("dry-run {study} --days 99", "--days: expected at most 1 day, as protocol smoke has, found 99."),
    ("dry-run {study} --protocol dry_run", "expected --protocol smoke, as this study has, found dry_run."),
    ("dry-run {study} --subject other", "expected --subject simulated, as this study has, found other."),
    ("dry-run {study} --images {folder}", "expected --images computed images, as this study has, found {folder}."),
    ("dry-run {study} --base-model {file}", "as this study has, found {file}."),
    ("dry-run new --protocol nosuch", "nosuch"),
    ("dry-run new --protocol {folder}", "{folder}"),
    ("dry-run {file} --protocol smoke", "{file}: expected a folder, found a file."),
    ("dry-run {file}/new --protocol smoke", "{file}"),
    ("dry-run new --protocol smoke --images /nowhere", "/nowhere: "),
    ("dry-run new --protocol smoke --images {file}", "{file}: "),
    ("dry-run new --protocol smoke --base-model /nowhere", "/nowhere: "),
    ("init {study} --protocol smoke --subject m --images {folder}", "found a study. Go on with it by `closedloop run"),
    ("init new --protocol smoke --subject m --images {folder}", "{folder}: "),
    ("accept-session {study} --day 0 --despite x --why y", "found a simulated one. It needs no acceptance."),
    ("accept-recording {study} --day 0 --why y", "found a simulated one. It records for itself."),
    ("include {study} --day 0 --from fit --why y", "expected what is left out (nothing is), found day 0 of the fit."),
    ("close-day {study} --day 0 --why y", "found a simulated one. Its sessions go to their end."),
    ("reopen-day {study} --day 0 --why y", "found that it is not. Nothing is left to do."),
    ("verify {file}", "found a file. Give the folder of a study."),
    ("report {folder}", "found no study.json in it."),
    ("studies category-preference --study {folder} --out new", "expected a study folder, found no study.json."),
    ("studies population --study {folder} --out new", "expected a study folder, found no study.json."),
    ("recording info /nowhere", "/nowhere: expected a readable file"),
    ("recording info {file}", "{file}: expected a Blackrock file"),
    ("recording info {folder}", "found none among 0."),
    ("recording codes {file} --out new.csv", "{file}: expected a NEV file"),
    ("recording events /nowhere.nev --out new.csv", "/nowhere.nev: expected a readable file"),
    ("recording samples {folder} --out new.csv", "{folder}"),
    ("base-model import {file} --out new.safetensors", "{file}: "),
    ("studies unit-sensitivity --out new --network nosuch", "nosuch: no such weight file."),
    ("studies unit-sensitivity --out new --images /nowhere", "/nowhere: no such image folder."),
    ("studies unit-sensitivity --out {file}", "--out {file}: expected a folder, found a file."),
    ("attack nosuch {folder} --out new", "nosuch"),
    ("attack small_resnet_robust /nowhere --out new", "/nowhere"),
    ("attack small_resnet_robust {folder} --out new", "{folder}"),
    ("attack small_resnet_robust {folder} --out new --layer nosuch", "nosuch"),
    ("run {study} --workers slurm:nofile.yaml", "nofile.yaml: expected a YAML file with `jobs: N`"),
    ("dry-run new --protocol smoke --workers slurm:nofile.yaml", "nofile.yaml: expected a YAML file with `jobs: N`"),
    ("dry-run new --protocol smoke --days 99", "--days: expected at most 1 day, as protocol smoke has, found 99."),
    ("dry-run new --protocol /dev/null", "found a pipe or a device, which can be read once alone."),
    ("init {folder}/new --protocol smoke --subject m --images {folder}", "found it in {folder}: what a study writes"),
    (
        "init new --protocol guo2022 --subject m --images {folder} --base-model small_resnet_robust",
        "--base-model small_resnet_robust: expected weights of resnet50, as base_model.architecture in",
    ),
    ("attack small_resnet_robust {file} --out new", "{file}: not a readable image"),
    ("attack small_resnet_robust {file} --out new/er", "found no folder new. Make it, or correct the path."),
    ("attack small_resnet_robust {file} --out new --outputs 0-99999999999", "expected some of 0-63, the 64 outputs of"),
    ("attack small_resnet_robust {file} --out new --layer layer3.1", "Did you mean layer3.0? Correct it."),
    ("attack {file} {file} --out new", "(safetensors, or a file that torch.save wrote), found text."),
    ("studies unit-sensitivity --out new --units 9999", "--units: expected at most 64 (small_resnet_vanilla has 64,"),
    (
        "studies unit-sensitivity --out new --network small_resnet_robust:nope",
        "expected one of stem, layer1.0, layer2.0",
    ),
    ("studies unit-sensitivity --out new --network small_resnet_robus", "Did you mean small_resnet_robust?"),
    ("base-model train {folder}", "OUT {folder}: expected a file, found a folder. Name a file in it."),
    ("recording codes {file} --out nowhere/new.csv", "found no folder nowhere. Make it, or correct the path."),
    ("RIG check /nowhere", "/nowhere: expected a session folder, found no folder."),
    ("RIG check {file}", "{file}: expected a session folder, found a file."),
    ("RIG check {study}", "{study}: expected a session folder, found no session.json in it."),
    ("RIG present {study} --display headless --out new", "expected a session folder, found no session.json in it."),
    ("RIG present {file} --display headless --out new", "expected a session folder, found a file."),
]
UNDERSTOOD_WITH_NUMBA = [
    ("init new --subject m", "--protocol: expected it, or --like with another study"),
    ("init new --protocol guo2022 --subject m", "--images: expected it, or --like with another study"),
    ("recording detect {file} --out new.h5 --definition none", "--definition none: expected"),
    ("recording detect {file} --out new.h5 --threshold 4", "--threshold 4: expected a multiple of the noise below 0"),
    ("recording detect {file} --out new.h5 --threshold nan", "--threshold nan: expected a multiple of the noise below"),
    (
        "recording detect {file} --out new.h5 --band 5000 300",
        "--band 5000 300: expected a low and a higher edge in Hz.",
    ),
    ("recording make new --fault nosuch", "--fault nosuch: expected one of pause"),
    ("recording make new --specification 9", "--specification 9: expected one of 2.1"),
]
WITH_TORCH = [  # or with matplotlib: seconds
    ("recording map {file}", "{file}: expected contacts"),
    ("recording detect {file} --out new.h5", "{file}: expected an NSx file"),
    ("recording align {file} /nowhere.nev --report new.html", "{file}"),
    ("studies unit-sensitivity --out new --device tpu", "--device: expected"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("wrong lines")  # with a space
    create_study(Request(root=root / "a study", subject="simulated", simulated=True, protocol="smoke"))
    (root / "a file").write_text("no recording, no model, no image\n")
    (root / "a folder").mkdir()
    (root / "a link").symlink_to("a link")
    return {name: root / f"a {name}" for name in ("study", "file", "folder", "link")}


def test_sixty_lines_are_tried() -> None:
    assert len(UNDERSTOOD_BY_NONE) + len(REFUSED) >= 60


def lines() -> Iterator[object]:
    for line, said in UNDERSTOOD_BY_NONE:
        yield pytest.param(line, said, 2, id=line)
    for line, said in REFUSED:
        yield pytest.param(line, said, 1, id=line)
    for line, said in UNDERSTOOD_WITH_NUMBA:
        yield pytest.param(line, said, 2, id=line, marks=pytest.mark.slow)
    for line, said in WITH_TORCH:
        yield pytest.param(line, said, 1, id=line, marks=pytest.mark.slow)


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "attack small_resnet_robust pyproject.toml --out new --outputs 64",
        "attack pyproject.toml pyproject.toml --out new",
        "studies unit-sensitivity --out new --units 65",
        "studies unit-sensitivity --out new --network small_resnet_robust:layer9.0",
        "studies screening --out new --network small_resnet_robust:layer9.0",
        "base-model train docs",
        "base-model train-family --out pyproject.toml",
        "base-model import pyproject.toml --out new.safetensors",
    ],
)
def test_what_a_line_and_the_heads_of_its_files_tell_is_said_without_torch(line: str) -> None:
    """Importing torch takes seconds, on a network disk many."""
    program = (
        "import atexit, os, sys; out = os.dup(1); "
        "atexit.register(lambda: os.write(out, str('torch' in sys.modules).encode())); "
        f"sys.argv[1:] = {shlex.split(line)!r}; "
        "import closedloop.__main__; closedloop.__main__.main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 1
    assert ended.stdout == "False"
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(("line", "said", "code"), list(lines()))
def test_a_wrong_line_is_one_line_with_its_remedy(
    places: dict[str, Path], tmp_path: Path, line: str, said: str, code: int
) -> None:
    words = [word.format(**places) for word in shlex.split(line)]
    program = "rig" if words[0] == "RIG" else "closedloop"
    ended = command(*words[program == "rig" :], program=program, cwd=tmp_path)
    assert ended.code == code, ended
    quoted = {name: shlex.quote(str(path)) for name, path in places.items()}
    assert said.format(**places) in ended.err or said.format(**quoted) in ended.err
    assert ended.out == ""
    if not said.startswith("Usage"):  # a group without a command shows its help
        assert ended.line.endswith((".", "?", "`"))
    assert list(tmp_path.iterdir()) == []
    assert sorted(path.name for path in places["study"].iterdir()) == ["inputs", "protocol.yaml", "study.json"]
