"""Tables of what another program showed: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.errors import DocumentError
from closedloop.plain_text.presentation_tables import read_presentations


def test_lines_are_put_in_order_and_said_once(tmp_path: Path) -> None:
    (table := tmp_path / "t.csv").write_text(
        "onset_s,image,category,fixation\n2.5,b.png,cat,yes\n0.5,a.png,dog,no\n2.5,b.png,cat,yes\n"
    )
    found = read_presentations(table)
    assert [(one.image, one.onset_s, one.accepted) for one in found.shown] == [
        ("a.png", 0.5, False),
        ("b.png", 2.5, True),
    ]
    assert (found.timed_by, found.passed_over, found.n_repeated) == ("onset_s", ("category",), 1)


def test_ticks_of_a_clock_of_nanoseconds_keep_their_digits(tmp_path: Path) -> None:
    (table := tmp_path / "t.csv").write_text("image,onset_tick\na,1700000000000000002\nb,1700000000000000001\n")
    assert [one.onset_tick for one in read_presentations(table).shown] == [1700000000000000001, 1700000000000000002]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,time_s\na,1\n", "expected the columns image and either onset_s, onset_tick, or code"),
        ("onset_s\n1\n", "expected the columns image and either"),
        ("image,onset_s,onset_tick\na,1,2\n", "expected the columns image and either"),
        ("image,onset_s,onset_s\na,1,2\n", "each once"),
        ("image,onset_s\n", "expected a line for each presentation, found none"),
        ("image,onset_s\na,1\nb,x\n", "line 3: expected onset_s in seconds, from 0, found 'x'"),
        ("image,onset_s\na,1\nb,nan\n", "line 3: expected onset_s in seconds"),
        ("image,onset_s\na,-1\n", "line 2: expected onset_s in seconds"),
        ("image,onset_tick\na,1.5\n", "line 2: expected onset_tick to be a whole number"),
        ("image,code\na,70000\n", "line 2: expected code to be a whole number from 0 to 65535, found '70000'"),
        ("image,onset_s\n,1\n", "line 2: expected the name of an image, found ''"),
        ("image,onset_s\na,1,2\n", "line 2: expected 2 values, found 3"),
        ("image,onset_s,accepted\na,1,perhaps\n", "line 2: expected accepted to be 1 or 0, found 'perhaps'"),
        ("image,onset_s\na,1\nb,1.0004\n", "line 3: expected one image at a time, found 'b' at the moment"),
    ],
)
def test_what_is_no_such_table_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    (table := tmp_path / "t.csv").write_text(text)
    with pytest.raises(DocumentError) as raised:
        read_presentations(table)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
