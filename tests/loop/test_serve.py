"""`closedloop serve` as a person and a machine meet it: signals, restarts, notices, several studies, its page."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.equipment.processes import Child
from tests.loop.real_study import RealStudy
from tests.loop.served import Laboratory, doing, outputs, started_for
from tests.loop.studies import command
from tests.unit.execution.stranger import listening

N_STUDIES = 5
MOST_BYTES = 200 << 20  # of the service itself, whatever its loops take
ADDRESS = re.compile(r"Open (?P<page>http://127\.0\.0\.1:\d+)/#token=(?P<token>\S+)")


def page_of(laboratory: Laboratory, service: subprocess.Popen[bytes], *, number: int = 1) -> tuple[str, str]:
    """Return the address and the token that the service said, once it says them for the n-th time."""
    laboratory.wait_until(lambda: len(ADDRESS.findall(laboratory.said)) >= number, service)
    return ADDRESS.findall(laboratory.said)[number - 1]


def loop_at_work(laboratory: Laboratory, study: Path, service: subprocess.Popen[bytes]) -> psutil.Process:
    laboratory.wait_until(lambda: (study / ".start.partial").exists() or (study / "start").exists(), service)
    return doing(study, "run")[0]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 130)])
def test_asked_to_end_it_ends_its_loops_and_says_so(tmp_path: Path, number: signal.Signals, code: int) -> None:
    laboratory = Laboratory(tmp_path)
    study = laboratory.study()
    with laboratory.serving(study) as service:
        loop_at_work(laboratory, study, service)
        service.send_signal(number)
        assert service.wait(120) == code
    assert started_for(study) == []
    assert laboratory.said.endswith("Ended. Nothing published is lost; the same command goes on.\n")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_whoever_reads_what_it_says_may_go_and_it_goes_on_to_its_own_end(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    study = laboratory.study()
    words, kept = command("serve", study), laboratory.environment
    with Child[str](words, env=kept, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        found = next(one for line in service.stdout if (one := ADDRESS.match(line)))
        service.stdout.close()
        said = {"by": "ada", "reason": "says a line that nobody reads"}
        answer = httpx.post(
            f"{found['page']}/study/study/retry", json=said, headers={"X-Closedloop-Token": found["token"]}
        )
        assert answer.status_code == 200, answer.text
        service.terminate()
        assert service.wait(120) == 0
    assert started_for(study) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_second_service_of_a_study_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    study = laboratory.study()
    with laboratory.serving(study) as service:
        page_of(laboratory, service)
        second = subprocess.run(
            command("serve", study), check=False, capture_output=True, text=True, env=laboratory.environment
        )
        assert second.returncode == 1
        assert second.stderr == (
            f"{study}: expected no other service on this study, found process {service.pid} serving it. "
            "Open its page, or end it first.\n"
        )
        assert service.poll() is None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_page_outlives_a_loop_that_crashes_and_is_at_the_same_place_after_a_restart(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    study = laboratory.study()
    with laboratory.serving(study) as service:
        page, token = page_of(laboratory, service)
        loop = loop_at_work(laboratory, study, service)
        loop.kill()
        told = laboratory.wait_for("crashed", study, service)
        assert (told["error"], told["url"]) == ("closedloop run was ended by SIGKILL", f"{page}/study/study")
        assert token not in str(laboratory.notices)
        assert httpx.get(told["url"]).status_code == 200
        assert httpx.get(page, headers={"Host": "example.org"}).status_code == 400
        assert {address for address, _port in listening(psutil.Process(service.pid))} == {"127.0.0.1"}
        service.kill()
        service.wait()
    with laboratory.serving(study) as service:
        assert page_of(laboratory, service, number=2) == (page, token)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_person_holds_a_study_on_the_page_and_releases_it(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    study = laboratory.study()
    decision = {"by": "Ada", "reason": "the chair is being repaired"}
    with laboratory.serving(study) as service:
        page, token = page_of(laboratory, service)
        posted = {"headers": {"X-Closedloop-Token": token}, "json": decision, "timeout": 60.0}
        assert httpx.post(f"{page}/study/study/hold", json=decision).status_code == 403
        assert httpx.post(f"{page}/study/study/hold", **posted).status_code == 200
        held = laboratory.wait_for("held", study, service)
        assert held["day"] == 0
        assert "held by Ada" in held["held_by"][0]
        assert "the chair is being repaired" in held["held_by"][0]
        assert not (study / "day-00" / "present").exists()
        assert (study / "day-00" / "schedule").is_dir()
        assert httpx.post(f"{page}/study/study/release", **posted).status_code == 200
        laboratory.wait_for("done", study, service)
    assert (study / "day-01" / "present").is_dir()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_real_study_is_told_to_wait_once_and_goes_on_when_its_files_come(
    real_study: RealStudy, tmp_path: Path
) -> None:
    laboratory = Laboratory(tmp_path)
    root = real_study.root
    for n_services in (1, 2):
        with laboratory.serving(root, "--settle", "0") as service:
            waits = f"{root.name}: waiting: day 0: "
            laboratory.wait_until(lambda waits=waits, n=n_services: laboratory.said.count(waits) == n, service)
            service.terminate()
            assert service.wait(120) == 0
    (told,) = laboratory.notices
    assert (told["state"], told["day"], told["stage"], told["simulated"]) == ("waiting", 0, "present", False)
    with laboratory.serving(root, "--settle", "0") as service:
        real_study.day_of_data()
        laboratory.wait_until(lambda: laboratory.notices[-1]["day"] == 1, service)
    assert laboratory.notices[-1]["state"] == "waiting"
    assert (root / "day-01" / "schedule").is_dir()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_fault_is_told_in_its_own_words_and_mended_the_study_goes_on(real_study: RealStudy, tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    root = real_study.root
    sealed = root / "day-00" / "schedule" / "session.json"
    good = sealed.read_bytes()
    sealed.write_bytes(good.replace(b" ", b"  ", 1))
    with laboratory.serving(root, "--settle", "0") as service:
        failed = laboratory.wait_for("failed", root, service)
        assert failed["error"].startswith(f"{sealed}: ")
        assert failed["message"].endswith(failed["error"])
        sealed.write_bytes(good)
        waiting = laboratory.wait_for("waiting", root, service)
        assert (waiting["day"], waiting["stage"], waiting["error"]) == (0, "present", "")
    assert [one["state"] for one in laboratory.notices] == ["failed", "waiting"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_five_studies_at_once_are_each_what_it_is_alone(undisturbed: Path, tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    studies = [laboratory.study(f"study{number}") for number in range(N_STUDIES)]
    with laboratory.serving(*studies) as service:
        for study in studies:
            laboratory.wait_for("done", study, service)
        page, _token = page_of(laboratory, service)
        overview = httpx.get(page).text
        assert all(f"/study/{study.name}" in overview for study in studies)
        assert psutil.Process(service.pid).memory_info().rss < MOST_BYTES
    for study in studies:
        assert outputs(study) == outputs(undisturbed)


@pytest.mark.slow
def test_a_study_that_is_none_is_refused(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    finished = subprocess.run(
        command("serve", tmp_path / "nothing"), check=False, capture_output=True, text=True, env=laboratory.environment
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith(f"{tmp_path}/nothing: expected a study")


@pytest.mark.slow
def test_the_notice_command_is_tried(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    line = command("serve", "--test-notice", "--notice", f"sh -c 'cat > {tmp_path}/got'")
    finished = subprocess.run(line, check=False, capture_output=True, text=True, env=laboratory.environment)
    assert (finished.returncode, finished.stdout) == (0, "sent: simulated study of nobody is only being tested\n")
    assert '"state": "test"' in (tmp_path / "got").read_text()
    line[-1] = "sh -c 'echo no server; exit 1'"
    failed = subprocess.run(line, check=False, capture_output=True, text=True, env=laboratory.environment)
    assert failed.returncode == 1
    assert "it ended with code 1 and said: no server" in failed.stderr
    refused = subprocess.run(line[:-2], check=False, capture_output=True, text=True, env=laboratory.environment)
    assert refused.returncode == 2


@pytest.mark.slow
def test_a_unit_is_printed_for_the_command_line(smoke_study: Path, tmp_path: Path) -> None:
    study = Path(shutil.copytree(smoke_study, tmp_path / "my study"))
    line = command("serve", study.name, "--port", "8642", "--notice", "mail -s 'closed loop' lab", "--unit")
    environment = Laboratory(tmp_path).environment
    finished = subprocess.run(line, check=False, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert (
        f'ExecStart={sys.executable} -m closedloop serve "{study}" --port 8642 --notice "mail -s \'closed loop\' lab"\n'
        in finished.stdout
    )
    line[line.index("mail -s 'closed loop' lab")] = "bin/tell 'the lab'"  # systemd starts it in the home folder
    finished = subprocess.run(line, check=False, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert f"--notice \"{tmp_path}/bin/tell 'the lab'\"\n" in finished.stdout
    finished = subprocess.run(command("serve", "--unit"), check=False, capture_output=True, text=True, env=environment)
    assert (finished.returncode, finished.stdout) == (2, "")
