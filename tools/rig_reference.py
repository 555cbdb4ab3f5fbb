"""docs/rig.md: an example of rig.yaml and the table of the rig's checks, read from the program."""

from __future__ import annotations

from closedloop.artifacts.rig.template import EXAMPLE, rig_yaml
from rig.check.table import CHECKS

_PAGE = """# The rig's description and its checks

Generated from the program; [For the rig operator](operator.md) tells how they are used.

## rig.yaml

`rig init rig.yaml` asks for what it cannot find out and writes a file such as this one; `rig devices` lists what the
computer has, each with what to write here. The fields and their bounds: `data_schemas/rig.json`.

```yaml
{example}```

## What `rig check` looks at

`rig present` looks at the same before it shows anything, and refuses on a FAIL. A check marked *may be overridden* is
passed over where `rig present` is given `--despite` with its name: the journal, `closedloop status` and every page of
the report say so from then on. What is not marked cannot be overridden: it would be no session. What could not be
looked at is a WARN, never a PASS; what there is not (the screen of a headless session) has no row.

| check | asks | may be overridden |
|---|---|---|
{rows}
"""


def write_rig_reference() -> str:
    """Return the text of docs/rig.md."""
    rows = "\n".join(
        f"| `{row.name}` | {row.asks}? | {'yes' if row.can_be_overridden else ''} |".replace("|  |", "| |")
        for row in CHECKS
    )
    return _PAGE.format(example=rig_yaml(EXAMPLE), rows=rows)
