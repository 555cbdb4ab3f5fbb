"""Sizes and names: no hall, no folder one cannot see through, a class name for one class, arguments explained."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.house import CODE, ROOT

MOST_LINES_OF_A_FILE, MOST_FILES_OF_A_FOLDER, MOST_OF_THE_HOUSE = 400, 15, 1 / 8
EXPLAINED_FROM = 3  # arguments


def trees() -> dict[Path, ast.Module]:
    return {Path(name): tree for name, tree in CODE.items()}


def lines_of(path: Path) -> int:
    return len((ROOT / path).read_text().splitlines())


def room_of(path: Path) -> str:
    """Return the room of one of the two programs: each is a house of rooms, and none of them may swell."""
    return "/".join(path.parts[:2])


def test_no_file_has_grown_into_a_hall() -> None:
    assert not {str(path): lines_of(path) for path in trees() if lines_of(path) > MOST_LINES_OF_A_FILE}


def test_no_folder_has_more_files_beside_each_other_than_one_can_see() -> None:
    beside = Counter(path.parent for path in trees() if path.name != "__init__.py")
    assert not {str(folder): n for folder, n in beside.items() if n > MOST_FILES_OF_A_FOLDER}


def test_no_room_holds_more_than_an_eighth_of_the_lines() -> None:
    rooms: Counter[str] = Counter()
    for path in trees():
        rooms[room_of(path)] += lines_of(path)
    assert not {room: n for room, n in rooms.items() if n > rooms.total() * MOST_OF_THE_HOUSE}


def classes() -> dict[str, list[str]]:
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                homes[node.name.lstrip("_")].append(str(path))
    return homes


def test_one_class_name_means_one_class() -> None:
    assert not {name: places for name, places in classes().items() if len(places) > 1}


def test_an_alias_is_not_named_like_a_class() -> None:
    aliases = {
        target.id.lstrip("_"): str(path)
        for path, tree in trees().items()
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert not {name: (aliases[name], places) for name, places in classes().items() if name in aliases}


def public_functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def n_arguments(function: ast.FunctionDef) -> int:
    given = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return len([argument for argument in given if argument.arg not in {"self", "cls"}])


def is_a_command(function: ast.FunctionDef) -> bool:
    """Return whether typer explains the arguments, in its help."""
    is_named_one = any(".command(" in ast.unparse(decorator) for decorator in function.decorator_list)
    return is_named_one or "Annotated[" in ast.unparse(function.args)


def is_an_overload(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator) == "overload" for decorator in function.decorator_list)


def explains_arguments(function: ast.FunctionDef) -> bool:
    return "Parameters\n" in (ast.get_docstring(function) or "")


def explained_by_a_port() -> set[str]:
    """Return the methods that explain their arguments, as who implements them names them: `Port.method`."""
    return {
        f"{node.name}.{method.name}"
        for tree in trees().values()
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for method in public_functions(node.body)
        if explains_arguments(method)
    }


def test_who_takes_three_arguments_or_more_explains_them() -> None:
    """Or names the port's method of the same name that does: the words stand once."""
    of_ports = explained_by_a_port()
    unexplained = [
        f"{path}:{function.lineno}: {function.name}"
        for path, tree in trees().items()
        for function in public_functions(tree.body)
        if n_arguments(function) >= EXPLAINED_FROM
        and not is_a_command(function)
        and not is_an_overload(function)
        and not explains_arguments(function)
        and not of_ports
        & {
            name
            for name in re.findall(r"See `(\w+\.\w+)`\.", ast.get_docstring(function) or "")
            if name.endswith(f".{function.name}")
        }
    ]
    assert not unexplained, "\n".join(unexplained)


def test_processes_are_forked_in_one_place() -> None:
    """A pool of the standard library waits for its parent for ever, and keeps a study's lock, once that is killed."""
    pools = re.compile(r"ProcessPoolExecutor|\bmultiprocessing\b")
    assert not [str(path) for path in trees() if pools.search((ROOT / path).read_text())]
