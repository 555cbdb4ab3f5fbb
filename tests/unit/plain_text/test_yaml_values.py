from __future__ import annotations

import pytest
import yaml

from closedloop.artifacts.protocol.protocol import parse_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.plain_text.yaml_edit import UneditableYamlError
from closedloop.plain_text.yaml_values import replace_values

SOURCE = b"""# a protocol
days: 6            # section 3.1
trial:
  hours: 5.0       # section 3.1
  # between
  block:
    - 1
    - 2
flow: {a: 1, b: [1, 2]}
last: x
"""


def test_a_value_is_replaced_where_it_stands_and_its_comment_with_it() -> None:
    changed = replace_values(SOURCE, {("trial", "hours"): "3.5"}, comment="why").decode()
    assert [line for line in changed.splitlines() if line not in SOURCE.decode().splitlines()] == [
        "  hours: 3.5                      # why"
    ]
    assert len(changed.splitlines()) == len(SOURCE.splitlines())


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("days",), "2", {"days": 2}),
        (("trial", "block"), "[3]", {"trial": {"hours": 5.0, "block": [3]}}),
        (("flow", "b"), "[4]", {"flow": {"a": 1, "b": [4]}}),
        (("flow", "new"), "7", {"flow": {"a": 1, "b": [1, 2], "new": 7}}),
        (("trial", "new"), "7", {"trial": {"hours": 5.0, "block": [1, 2], "new": 7}}),
        (("added",), "7", {"added": 7}),
        (("last",), "y", {"last": "y"}),
    ],
)
def test_every_kind_of_value_reads_back_and_nothing_else_changes(path, value, expected) -> None:
    changed = yaml.safe_load(replace_values(SOURCE, {path: value}, comment="why"))
    assert changed == yaml.safe_load(SOURCE) | expected


def test_windows_line_ends_and_a_missing_last_one_are_kept() -> None:
    source = b"days: 6\r\ntrial:\r\n  hours: 5.0 # x\r\nlast: 1"
    assert replace_values(source, {("trial", "hours"): "3", ("last",): "2"}, comment="w").startswith(
        b"days: 6\r\ntrial:"
    )
    assert yaml.safe_load(replace_values(source, {("last",): "2"}, comment="w"))["last"] == 2


@pytest.mark.parametrize("path", [("absent", "key"), ("days", "key")])
def test_a_section_that_is_none_is_refused(path) -> None:
    with pytest.raises(UneditableYamlError):
        replace_values(SOURCE, {path: "1"}, comment="w")


def test_a_name_for_another_part_of_the_file_is_refused() -> None:
    with pytest.raises(UneditableYamlError, match=r"another part"):
        replace_values(b"a: &x 1\nb: *x\n", {("b",): "2"}, comment="w")


@pytest.mark.parametrize("name", sorted(shipped_protocols()))
def test_each_value_of_a_shipped_protocol_can_be_replaced_by_itself(name: str) -> None:
    content = shipped_protocols()[name].read_bytes()
    before = parse_protocol(content, place=name)
    plain = yaml.safe_load(content)
    paths = [
        (key,) if not isinstance(value, dict) else (key, inner)
        for key, value in plain.items()
        for inner in (value if isinstance(value, dict) else [None])
    ]
    for path in paths:
        value = plain[path[0]] if len(path) == 1 else plain[path[0]][path[1]]
        same = yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("...").strip()
        assert parse_protocol(replace_values(content, {path: same}, comment="w"), place=name) == before, path
