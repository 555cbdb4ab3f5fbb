"""`closedloop new`: the options, one for each question; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from closedloop.commands.extras import require_extra

new_app = typer.Typer(rich_markup_mode=None)

_METADATA = (
    "YAML with animal, arrays and people, as archives ask for them (docs/nwb.md)  [default: export nwb asks for it]"
)
MetadataFile = Annotated[Path | None, typer.Option(metavar="FILE", help=_METADATA)]


def _answer(question: str) -> Any:
    return typer.Option(metavar="ANSWER", help=question)


@new_app.command("new")
def new(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="study folder to create")],
    *,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML with answers, such as the answers.yaml of an earlier study"),
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="go on without images that cannot be shown; they are listed")
    ] = False,
    protocol: Annotated[str | None, _answer("protocol to start from: a shipped name, or a file")] = None,
    subject: Annotated[str | None, _answer("the animal's name")] = None,
    species: Annotated[str | None, _answer("its species, such as 'Macaca mulatta'")] = None,
    sex: Annotated[str | None, _answer("M, F, U (unknown) or O (other)")] = None,
    birth: Annotated[str | None, _answer("date of birth (2018-05-21) or age (P8Y), ISO 8601")] = None,
    recorder: Annotated[str | None, _answer("blackrock, or a YAML file that describes another maker's")] = None,
    arrays: Annotated[str | None, _answer("'array1, array2', or 'left=LEFT*, right=RIGHT*'")] = None,
    regions: Annotated[str | None, _answer("region of each array, in their order: 'aIT, pIT'")] = None,
    hemispheres: Annotated[str | None, _answer("left or right of each array")] = None,
    files: Annotated[str | None, _answer("files of each recording besides .nev: 'ns2, ns6', or none")] = None,
    rig: Annotated[str | None, _answer("the rig's description, rig.yaml, or none")] = None,
    images: Annotated[str | None, _answer("folder of clean images")] = None,
    base_model: Annotated[str | None, _answer("weight file, or the name of shipped weights")] = None,
    days: Annotated[str | None, _answer("recording days")] = None,
    hours: Annotated[str | None, _answer("hours of a session, at most")] = None,
    fresh_images: Annotated[str | None, _answer("fresh images attacked for each site, where hours are short")] = None,
    experimenters: Annotated[str | None, _answer("'Curie, Marie; Hubel, David'")] = None,
    institution: Annotated[str | None, _answer("as archives will name it")] = None,
    lab: Annotated[str | None, _answer("as archives will name it, or none")] = None,
) -> None:
    """Create a study of a real animal by questions, and prepare its first session.

    Makes what `init` makes, and metadata.json (animal, arrays, people), checklist.md (what a day costs, what to do in
    which order) and answers.yaml. Asks what no option says; `back` goes back, Ctrl-C keeps the answers for the same
    command. Without a terminal it takes what it would propose.
    """
    given = {
        key: value
        for key, value in locals().items()
        if value is not None and key not in ("study", "answers", "skip_unreadable")
    }
    require_extra("lab")
    from closedloop.commands.new.run import make_new  # noqa: PLC0415
    from closedloop.commands.run import HELD, exit_code_of  # noqa: PLC0415

    outcome = make_new(study, given, answers=answers, skip_unreadable=skip_unreadable)
    if exit_code_of(outcome) == HELD:
        raise typer.Exit(HELD)
