"""The pages that are generated and committed: `python -m tools.pages` writes them, a test tells when they drift."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.command_reference import write_command_reference
from tools.decision_index import write_decision_index
from tools.gate_reference import write_gate_reference
from tools.operator_messages.page import write_operator_messages
from tools.rig_reference import write_rig_reference
from tools.table_reference import write_table_reference

ROOT = Path(__file__).parents[1]
COMMAND = "python -m tools.pages"
GENERATED: dict[str, Callable[[], str]] = {
    "docs/columns.md": write_table_reference,
    "docs/commands.md": write_command_reference,
    "docs/decisions/index.md": write_decision_index,
    "docs/gates.md": write_gate_reference,
    "docs/operator_messages.md": write_operator_messages,
    "docs/rig.md": write_rig_reference,
}

if __name__ == "__main__":
    for name, generate in GENERATED.items():
        (ROOT / name).write_text(generate())
