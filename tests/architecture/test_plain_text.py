"""JSON and YAML from outside have one door, which has limits: nobody parses them elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.house import CODE, imports_of

# The second: between two processes of ours; the third runs where there is no closedloop.
ROOMS = ("closedloop/plain_text/", "closedloop/confined/", "closedloop/models/exchange/load.py")
PARSERS = {"json": {"load", "loads", "JSONDecoder", "decoder", "scanner"}}
BY_METHOD = {
    "model_validate_json",
    "validate_json",
    "parse_raw",
}  # pydantic's own parser knows no key that stands twice


def parsed_elsewhere(path: str, tree: ast.Module) -> Iterator[str]:
    if path.startswith(ROOMS):
        return
    for name in imports_of(tree):
        module, _, rest = name.partition(".")
        if module == "yaml" or rest.split(".")[0] in PARSERS.get(module, ()):
            yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            base = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in PARSERS.get(base, ()) or node.attr in BY_METHOD:
                yield ast.unparse(node)


def test_json_and_yaml_are_parsed_in_their_room_alone() -> None:
    assert not {path: found for path, tree in CODE.items() if (found := list(parsed_elsewhere(path, tree)))}


@pytest.mark.parametrize(
    "line",
    [
        "import json\njson.loads(text)",
        "import json\njson.load(file)",
        "from json import loads",
        "from json.decoder import JSONDecoder",
        "import yaml",
        "from yaml import safe_load",
        "Document.model_validate_json(content)",
        "ROW.validate_json(line)",
    ],
)
def test_a_parser_elsewhere_is_found(line: str) -> None:
    assert list(parsed_elsewhere("closedloop/study/loop.py", ast.parse(line)))
