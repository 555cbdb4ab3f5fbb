from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.errors import OptionError
from closedloop.service.unit import quoted_word, unit

ODD = '/data/100 % of $HOME\\n "it\'s"'


def expanded(line: str) -> list[str]:
    """Take a command line apart as systemd.syntax(7) says: quotes, C escapes, then specifiers and variables."""
    words = re.findall(r'"(?:[^"\\]|\\.)*"|\S+', line)
    plain = [re.sub(r"\\(.)", r"\1", word[1:-1] if word.startswith('"') else word) for word in words]
    return [word.replace("%%", "%").replace("$$", "$") for word in plain]


def exec_start(text: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    return line.removeprefix("ExecStart=")


@pytest.mark.parametrize("word", ["plain/path.d", "a b", ODD, "", "%i", "$PATH", 'say "so"', "sh -c 'cat >> x'"])
def test_a_word_is_the_same_after_systemd_has_read_it(word: str) -> None:
    assert expanded(quoted_word(word)) == [word]


def test_a_unit_starts_this_python_with_the_words_that_were_given() -> None:
    text = unit([ODD, "--notice", "mail -s 'a b'"], names=["study 100 %"])
    assert expanded(exec_start(text)) == [sys.executable, "-m", "closedloop", "serve", ODD, "--notice", "mail -s 'a b'"]
    assert "Description=closedloop: study 100 %%\n" in text


@pytest.mark.parametrize("word", ["two\nlines", "\x1b[2J"])
def test_a_word_that_would_break_the_line_is_refused(word: str) -> None:
    with pytest.raises(OptionError, match="expected words that can be printed"):
        unit([word], names=[])


@pytest.mark.slow
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("no systemd here")
    file = tmp_path / "closedloop.service"
    file.write_text(unit([ODD, "--notice", "sh -c 'cat >> x'", "--port", "8000"], names=["study 100 %"]))
    assert verified(verify, file) == ""
    file.write_text(file.read_text().replace("Restart=on-failure", "Restart=sometimes"))
    assert "sometimes" in verified(verify, file)  # it does read the file


def verified(verify: str, file: Path) -> str:
    """Return all that systemd finds in a unit file, as of a user who is logged in."""
    environment = os.environ | {"XDG_RUNTIME_DIR": str(file.parent)}
    command = [verify, "--user", "verify", file]
    finished = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    return finished.stdout + finished.stderr


def test_a_name_that_ends_in_a_backslash_swallows_no_line() -> None:
    lines = unit(["/data/odd\\"], names=["odd\\"]).splitlines()
    assert not [line for line in lines if line.endswith("\\")]
    assert "Documentation=man:systemd.service(5)" in lines
