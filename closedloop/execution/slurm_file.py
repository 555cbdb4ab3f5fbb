"""The YAML file that describes the jobs of a cluster on Slurm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from closedloop.errors import ExecutionError
from closedloop.plain_text.yaml_text import read_yaml

_JOBS = "jobs"


def read_slurm_file(file: Path) -> tuple[int, dict[str, Any]]:
    """Read how many jobs and what each is like.

    Raises
    ------
    ExecutionError
        The file is missing or malformed.
    """
    found = read_yaml(
        file,
        missing="expected a YAML file with `jobs: N` and Slurm's options, found none. Correct the path.",
        error=ExecutionError,
        remedy="Give `jobs: N` and Slurm's options.",
    )
    n_jobs = found.pop(_JOBS, None)
    if not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or n_jobs < 1:
        raise ExecutionError(f"{file}: expected `jobs: N` with N of at least 1, found {n_jobs}. Correct it.")
    return n_jobs, found
