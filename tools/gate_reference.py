"""docs/gates.md: what gates are, and the table of them with the protocol's limits, read from the program."""

from __future__ import annotations

from closedloop.artifacts.protocol.gates import AtLeast, AtMost, Gates
from closedloop.gates.table import GATES, Gate

_PAGE = """# Gates

Generated from the program. Between the stages of a day the study asks whether it may go on. Each gate looks at
published files and says PASS, WARN or HOLD, with what was expected, what was found and what to do. What was found lies
in `day-NN/gates/`, a file a checkpoint; no stage reads it, and `closedloop verify` computes it again.

| checkpoint | asked | a HOLD stops |
|---|---|---|
| preflight | when the session is ready | before it is shown |
| intake | when what was recorded is ingested | before the next session is made |
| review | when the model is refitted and the day evaluated | before the next session is made |

A WARN stops nothing: `closedloop status` and the page of [the daily service](service.md) tell it. **Once a session
has begun, nothing holds it.** After an intake or a review that holds, the next day's plan and attacks are still
computed: without a session nothing of them can be shown. What is found of the last day holds nothing.

## When the study is held

`closedloop run` ends with exit code 4 and says what was found, what to do, and the command that approves it;
`closedloop status` says the same at any time. Put right what can be put right and run again, or approve:

```sh
closedloop approve runs/monkey-a hours --by Ada --reason "the animal works long today"
closedloop run runs/monkey-a
```

An approval is a line of `amendments.jsonl` (who, when, why). It is of the words that were found on that day: where a
gate finds something else later, it holds again. To hold a study yourself, and to release it:

```sh
closedloop hold runs/monkey-a --by Ada --reason "the animal is ill"
closedloop release runs/monkey-a --by Ada --reason "it is well again"
```

Both may be given while a loop is at work. A session that is being shown is not interrupted by a hold: the day after is
held.

Of a day with a second session, or with rounds, each session has findings of its own: the command that approves names
the session by `--block 2`, and the page's button is of that session alone.

## What people left out

What `closedloop exclude` took out of both the fit and the evaluation counts in no gate, neither in what is expected
nor in what is found: a lost array is excluded once, and not approved on every day. What is left out of the fit alone
counts in no `refit_better`, what is left out of the evaluation alone in no `sensitivity_controls`, `estimators_agree`
and `map_fit`; the gates of the intake look at all that still counts in one of them. The words of a gate say how many
sites were left out and by whom. A processor none of whose sites counts may lack what it lacks. Of a day that is left
out as a whole the intake is told as before and holds nothing, and the day after is compared with the last one that
counts. Taking something in again gives the report as it was.

Presentations that are left out are missing in no count of presentations; digital codes, clocks and what `site_identity`
says are those of the whole recording.

## At the rig

`rig check` and `rig present` refuse a session folder that lies in its study and is held there, or whose gates were not
asked of what is there now (a loop was killed in between, or a report was removed): `closedloop run` asks them. **A
session folder that was copied to the rig's computer knows nothing of its study**: copy it after `closedloop status`
says that the session is ready, and after a hold of your own tell the operator.

## Exit codes of `closedloop run`

| code | meaning |
|---|---|
| 0 | every day is done |
| 1 | an error, in one line |
| 2 | the command line is not understood |
| 3 | it waits for a person: a session, a recording |
| 4 | a gate or a person holds the study |
| 130 | interrupted; the same command goes on |

`closedloop init` and `closedloop dry-run` end with 0 where they wait, and with 4 where they are held.
`closedloop status --json` has the same as `state` (`new`, `running`, `waiting`, `held`, `stopped`, `failed`, `done`),
with `waiting_for`, `next`, `warned_by`, `held_by` (each with its remedy and the command that approves it) and
`progress`. `outdated` lists the published stages that the next `closedloop run` makes again, by what was decided since
they were made: such a study is `stopped`, not `done`, and those stages are `stale`.

## Simulated studies

A simulated study goes on by itself, and says in a line which gate would have held it. With `simulated: hold` in the
section `gates` of its protocol it holds like one of an animal.

## The table

The limits are those of the protocol's section `gates`; these are the defaults. `null` in place of a number is never.

| gate | checkpoint | looks at | its number | warns | holds |
|---|---|---|---|---|---|
{rows}
"""


def write_gate_reference() -> str:
    """Return the text of docs/gates.md."""
    return _PAGE.format(rows="\n".join(_row(gate) for gate in GATES))


def _row(gate: Gate) -> str:
    field = Gates.model_fields[gate.name]
    limit = field.default
    if not isinstance(limit, AtMost | AtLeast):
        raise TypeError(f"{gate.name}: expected limits in the protocol, found {limit!r}")
    side = "above" if isinstance(limit, AtMost) else "below"
    warns, holds = ("never" if bound is None else f"{side} {bound:g}" for bound in (limit.warn, limit.hold))
    return f"| `{gate.name}` | {gate.checkpoint} | {gate.looks_at} | {field.description} | {warns} | {holds} |"
