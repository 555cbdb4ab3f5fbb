"""What messages advise: nobody is told to remove or delete what cannot be made again."""

from __future__ import annotations

import ast
import re

from tests.architecture.house import CODE

ADVICE = re.compile(r"\b(remove|delete|erase|discard|throw away|rm)\b", re.IGNORECASE)
COMPUTED_ANEW = {  # what such a sentence may be about: a key in a text file, and half-done work of ours
    "closedloop/artifacts/faults.py": {"Remove it or correct its spelling."},
    "closedloop/attacks/synthesis/shards.py": {"Delete the file and run again: it is computed anew."},
    "closedloop/stages/ingest/shards.py": {"Delete the file and run again: it is computed anew."},
    "closedloop/training/resumable.py": {"Delete it and run again."},
}


def sentences(tree: ast.Module) -> list[str]:
    """Return the sentences of a module's messages, without docstrings, that give such advice."""
    nodes = list(ast.walk(tree))
    bare = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare
    ]
    found = [sentence for text in texts if " " in text for sentence in re.split(r"(?<=\.)\s+", text)]
    return [sentence for sentence in found if ADVICE.search(sentence)]


def test_no_message_advises_to_remove_what_cannot_be_made_again() -> None:
    found = {path: set(advice) for path, tree in CODE.items() if (advice := sentences(tree))}
    allowed = {
        path: {one for one in advice if any(allowed in one for allowed in COMPUTED_ANEW.get(path, ()))}
        for path, advice in found.items()
    }
    assert found == allowed
