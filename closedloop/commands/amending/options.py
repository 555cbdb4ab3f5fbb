"""Options that all decisions about a study have: whose study, which day, who decides, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="study folder")]
OneDay = Annotated[int, typer.Option("--day", min=0, metavar="DAY", help="recording day, from 0")]
BlockNumber = Annotated[int, typer.Option(min=1, metavar="NUMBER", help="which of the day's sessions, from 1")]
_REASON = "the reason; kept with the study and shown in its history"
_SPELLED = ("--why", "--reason")  # either word comes to mind, and nobody is refused for it
Why = Annotated[str, typer.Option(*_SPELLED, metavar="TEXT", help=_REASON)]
By = Annotated[str | None, typer.Option(metavar="NAME", help="who decides  [default: the name of your account]")]
