"""The device benchmark runs from its first part to its last, on the processor too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.device import run
from benchmarks.device.setting import Budget, Found, Part, Setting
from closedloop.plain_text.json_text import read_json


def test_every_part_runs_and_is_written_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.main(["--cpu", "--out", str(tmp_path / "device.json")])
    written = read_json(tmp_path / "device.json", missing="the parts")
    assert list(written) == list(run.PARTS)
    assert all(one["rows"] and not one["failed"] for one in written.values())
    assert written["agreement"]["figures"]["bfloat16"]["apart"] < 0.03
    assert written["several"]["figures"]["apart"] == 0
    printed = capsys.readouterr().out
    assert printed.count("\n| ") == 1 + sum(len(one["rows"]) for one in written.values())


@pytest.mark.skipif(torch.cuda.device_count() > 0, reason="there is a CUDA device: the benchmark itself would run")
def test_without_a_device_it_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run.main([])
    assert capsys.readouterr().out.splitlines() == [
        "device: expected a CUDA device, found none that torch can use: nothing is measured. --cpu tries the parts."
    ]


def test_a_part_that_fails_or_takes_too_long_leaves_the_others_and_is_told(tmp_path: Path) -> None:
    def breaks(_setting: Setting, _budget: Budget, _before: dict[str, Found]) -> Found:
        raise RuntimeError("CUDA error: an illegal memory access")

    def hangs(_setting: Setting, budget: Budget, _before: dict[str, Found]) -> Found:
        while True:
            budget.left_s  # noqa: B018 - an endless part

    def works(_setting: Setting, _budget: Budget, _before: dict[str, Found]) -> Found:
        return Found((("what", "42"),), {"n": 42})

    parts: dict[str, tuple[float, Part]] = {"first": (1, breaks), "second": (0.05, hangs), "third": (1, works)}
    with pytest.raises(SystemExit, match="first: RuntimeError: CUDA error"):
        run.main(["--cpu", "--out", str(tmp_path / "device.json")], parts=parts)
    written = read_json(tmp_path / "device.json", missing="the parts")
    assert [bool(one["failed"]) for one in written.values()] == [True, True, False]
    assert written["third"]["figures"] == {"n": 42}


def test_all_budgets_together_are_below_nine_minutes() -> None:
    assert sum(seconds for seconds, _ in run.PARTS.values()) <= run.MOST_S < 540
