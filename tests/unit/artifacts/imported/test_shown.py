"""Files of MonkeyLogic and MWorks, written here by their published layouts: what was shown, and by which codes."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.imported.shown import ShownOptions, read_shown
from closedloop.errors import ClosedLoopError, DocumentError

FOLDER = "C:\\Users\\lab\\task\\"


def bhv2(name: str, value: Any) -> bytes:
    """Return a variable as MonkeyLogic writes it."""

    def head(kind: str, shape: Sequence[int]) -> bytes:
        texts = b"".join(struct.pack("<Q", len(text)) + text.encode() for text in (name, kind))
        return texts + struct.pack(f"<{1 + len(shape)}Q", len(shape), *shape)

    if isinstance(value, Mapping):
        fields = b"".join(bhv2(field, one) for field, one in value.items())
        return head("struct", (1, 1)) + struct.pack("<Q", len(value)) + fields
    if isinstance(value, list):
        return head("cell", (1, len(value))) + b"".join(bhv2("", one) for one in value)
    if isinstance(value, str):
        return head("char", (1, len(value))) + value.encode()
    if callable(value):
        return head("function_handle", (1, 1)) + bhv2("", value.__name__)
    values = np.atleast_2d(np.asarray(value, "<f8"))
    return head("double", values.shape) + values.tobytes(order="F")


def trial(number: int, *, error: int, start_ms: float) -> dict[str, Any]:
    codes = {"CodeTimes": [[5.0, 100.5, 300.5, 500.0]], "CodeNumbers": [[9, 20, 20, 18]]}
    objects = [["fix", 0, 0], ["pic", f"{FOLDER}a.png", 0, 0], ["pic", f"{FOLDER}b{number}.png", 0, 0]]
    return {
        "Trial": number,
        "TrialError": error,
        "AbsoluteTrialStartTime": start_ms,
        "BehavioralCodes": codes,
        "AnalogData": {"Eye": np.zeros((500, 2)), "General": {"Gen1": []}},
        "TaskObject": {"Attribute": objects, "Size": [[1, 2]]},
    }


def monkeylogic() -> bytes:
    return b"".join(
        [
            bhv2("FileInfo", {"machinefmt": "ieee-le", "encoding": "UTF-8"}),
            bhv2("MLConfig", {"EyeTransform": [{}, {"forward_fcn": monkeylogic}], "Custom": ""}),
            bhv2("Trial1", trial(1, error=0, start_ms=0.0)),
            bhv2("Trial2", trial(2, error=3, start_ms=2000.0)),
            bhv2("TrialRecord", {"TrialErrors": [[0, 3]]}),
        ]
    )


def test_monkeylogics_trials_are_read(tmp_path: Path) -> None:
    (file := tmp_path / "day.bhv2").write_bytes(monkeylogic())
    found = read_shown(file, ShownOptions({20: (2, 3)}))
    assert [(one.image, one.code, one.time_s, one.accepted) for one in found.shown] == [
        ("a.png", 20, 0.1005, True),
        ("b1.png", 20, 0.3005, True),
        ("a.png", 20, 2.1005, False),
        ("b2.png", 20, 2.3005, False),
    ]
    assert found.timed_by == "code and time_s"
    assert found.other_codes == ((9, 0.005), (18, 0.5), (9, 2.005), (18, 2.5))


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ({21: (2,)}, "expected code 21 of --shown among those of 2 trials, found 9, 18, 20"),
        ({20: (1,)}, "expected a picture as task object 1 of trial 1, found none among 3"),
        ({20: (4,)}, "expected a picture as task object 4 of trial 1"),
        ({}, "expected --shown, which says what its codes mean, found none"),
    ],
)
def test_what_codes_mean_has_to_fit(shown: dict[int, tuple[int, ...]], said: str, tmp_path: Path) -> None:
    (file := tmp_path / "day.bhv2").write_bytes(monkeylogic())
    with pytest.raises(ClosedLoopError) as raised:
        read_shown(file, ShownOptions(shown))
    assert said in str(raised.value)


def test_a_damaged_file_of_monkeylogic_is_refused_in_a_line(tmp_path: Path) -> None:
    whole, generator = monkeylogic(), np.random.default_rng(0)
    file = tmp_path / "day.bhv2"
    cut = [whole[:at] for at in generator.integers(1, len(whole) - 1, 12).tolist()]
    other = [bytes(generator.integers(0, 256, 300, dtype=np.uint8)), b"", whole.replace(b"Trial1", b"Prial1")[:2000]]
    huge = whole.replace(struct.pack("<Q", 10) + b"TrialError", struct.pack("<Q", 1 << 60) + b"TrialError")
    said = list[str]()
    for content in (*cut, *other, huge):
        file.write_bytes(content)
        with contextlib.suppress(DocumentError):
            said.append(f"{len(read_shown(file, ShownOptions({20: (2, 3)})).shown)} shown")
            continue
        with pytest.raises(DocumentError) as raised:
            read_shown(file, ShownOptions({20: (2, 3)}))
        said.append(str(raised.value))
    assert {len(one.splitlines()) for one in said} == {1}
    assert sum("found a damaged one or none" in one for one in said) >= len(cut)


def packed(value: Any) -> bytes:
    """Return a value as MessagePack has it."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return struct.pack(">Bq", 0xD3, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        return struct.pack(">BB", 0xD9, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return struct.pack(">BH", 0xDC, len(value)) + b"".join(map(packed, value))
    items = [part for pair in value.items() for part in pair]
    return struct.pack(">BH", 0xDE, len(value)) + b"".join(map(packed, items))


def deflated(kind: int, content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(content) + packer.flush()
    return struct.pack(">BHb", 0xC8, len(body), kind) + body


def picture(name: str) -> dict[str, Any]:
    return {"type": "image", "action": "draw", "name": "s", "filename": f"/Cache/tmp/{name}", "size_x": 8.0}


BLANK = {"type": "blankscreen", "action": "draw"}


def mworks(
    path: Path, updates: Sequence[tuple[float, list[dict[str, Any]]]], codes: Sequence[tuple[float, Any]]
) -> Path:
    named = {7: {"tagname": "#stimDisplayUpdate"}, 30: {"tagname": "wordout"}, 31: {"tagname": "idle"}}
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TABLE events (code INTEGER, time INTEGER, data, PRIMARY KEY (code, time)) WITHOUT ROWID"
        )
        database.execute("INSERT INTO events VALUES (0, 1, ?)", (deflated(2, packed(named)),))
        rows = [(7, round(at * 1e6), packed(drawn)) for at, drawn in updates]
        rows += [(30, round(at * 1e6), value) for at, value in codes]
        database.executemany("INSERT INTO events VALUES (?, ?, ?)", [*rows, (31, 5, "no number")])
        database.commit()
    return path


def test_mworks_updates_of_the_screen_are_read(tmp_path: Path) -> None:
    updates = [
        (1.0, [BLANK, picture("a.png")]),
        (1.05, [BLANK, picture("a.png")]),  # still there
        (1.1, [BLANK]),
        (1.2, [BLANK, picture("a.png")]),
        (1.3, []),
        (1.4, [picture("b.png")]),
    ]
    file = mworks(tmp_path / "day.mwk2", updates, [(0.9, 5), (1.15, 6), (1.35, 70_000), (1.36, "x"), (1.45, 7)])
    found = read_shown(file, ShownOptions({}, "wordout"))
    assert [(one.image, one.time_s, one.code) for one in found.shown] == [
        ("a.png", 1.0, None),
        ("a.png", 1.2, None),
        ("b.png", 1.4, None),
    ]
    assert found.other_codes == ((5, 0.9), (6, 1.15), (7, 1.45))
    for variable, said in (("word", "found idle, wordout"), ("idle", "expected whole numbers from 0 to 65535")):
        with pytest.raises(DocumentError, match=said):
            read_shown(file, ShownOptions({}, variable))
    with pytest.raises(ClosedLoopError, match="expected --code-variable"):
        read_shown(file, ShownOptions({}))


def test_what_cannot_be_read_of_mworks_is_refused_in_a_line(tmp_path: Path) -> None:
    two = mworks(tmp_path / "two.mwk2", [(1.0, [picture("a.png"), picture("b.png")])], [(0.9, 5)])
    with pytest.raises(DocumentError, match=r"expected one picture at a time, found a\.png, b\.png at 1\.000 s"):
        read_shown(two, ShownOptions({}, "wordout"))
    whole = mworks(tmp_path / "day.mwk2", [(1.0, [picture("a.png")])], [(0.9, 5)]).read_bytes()
    for number, content in enumerate((b"", whole[:5000], whole.replace(b"events", b"evnets"), b"no database" * 100)):
        (file := tmp_path / f"{number}.mwk2").write_bytes(content)
        with pytest.raises(DocumentError) as raised:
            read_shown(file, ShownOptions({}, "wordout"))
        assert len(str(raised.value).splitlines()) == 1
    (tmp_path / "day.edf").write_bytes(b"x")
    with pytest.raises(DocumentError, match=r"expected a table \.csv, MonkeyLogic's \.bhv2 or MWorks' \.mwk2"):
        read_shown(tmp_path / "day.edf", ShownOptions({}))
    with pytest.raises(ClosedLoopError, match="Leave the option out"):
        read_shown(two, ShownOptions({20: (2,)}, "wordout"))
