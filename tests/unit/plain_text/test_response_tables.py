"""Tables of responses: each fault is one line that names the table and the line of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.errors import DocumentError
from closedloop.plain_text.response_tables import read_response_table


def written(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found none"),
        ("picture,repetition,a\n", "found picture, repetition, a"),
        ("repetition,image,a\n", "in this order .* found repetition, image, a. Name and order"),
        ("image,repetition\nx,1\n", "one for each site"),
        ("image,repetition,a\n", "a line for each presentation, found none"),
        ("image,repetition,a,\nx,1,2,3\n", "found none for column 4"),
        ("image,repetition,a,,\n", "found none for column 4"),
        ("image,repetition,a\nx,1\n", "line 2: expected 3 values, found 2"),
        ("image,repetition,a\nx,1,many\n", "line 2, column a: expected numbers"),
        ("image,repetition,a\nx,1,inf\n", "line 2, column a: expected numbers"),
        ("image,repetition,a\nx,1,7_0.0\n", "line 2, column a: expected numbers.* found '7_0.0'"),
        ("image,repetition,a\n\n  \nx,1,2\n\nx,2,many\n", "line 6, column a: expected numbers"),
        ("image,repetition,a\n\n,1,2\n", "line 3: expected an image and .* found '' and '1'"),
        ("image,repetition,a\nx,,2\n", "line 2: expected an image and .* found 'x' and ''"),
        ("image,repetition,a\nx\0,1,2\n", "line 2: expected an image"),
        ("image,repetition,a\nx,1,2\nx,1,3\n", "line 3: expected each repetition of an image once"),
        ("image,repetition,a\nx/y,1,2\n./x//y, 1,3\n", "line 3: expected each repetition .* found 1 of x/y again"),
    ],
)
def test_a_table_of_another_form_is_refused_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=words):
        read_response_table(written(tmp_path, text))


def test_a_missing_response_is_an_empty_field(tmp_path: Path) -> None:
    table = read_response_table(written(tmp_path, "image,repetition,a,b\nx.png,1,3,\n\n"))
    assert (table.images, table.sites, table.lines) == (("x.png",), ("a", "b"), (2,))
    np.testing.assert_array_equal(table.rates, [[3.0, np.nan]])


def test_one_image_is_one_however_its_path_is_spelled(tmp_path: Path) -> None:
    path = written(tmp_path, "image,repetition,a\nx/y.png,1,2\n./x/y.png,2,3\n\nz/../x/y.png,3,4\n")
    table = read_response_table(path)
    assert set(table.images) == {"x/y.png"}
    assert table.lines == (2, 3, 5)
