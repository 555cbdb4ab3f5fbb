"""Where exported responses go, told from what was asked without opening anything heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from closedloop.artifacts.commands.exported_responses import ExportedResponsesDocument
from closedloop.errors import DocumentError, OptionError, StorageError
from closedloop.storage.places import refuse_no_folder

Format = Literal["parquet", "csv", "netcdf"]

FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[str, Format] = {".parquet": "parquet", ".csv": "csv", ".nc": "netcdf"}
_NAME = "responses"


@dataclass(frozen=True)
class ResponsesFiles:
    """The files of an export, beside each other.

    Attributes
    ----------
    format
        Of the responses.
    folder
        That they lie in; made if it is missing where it was named itself.
    name
        Stem of all of them.
    """

    format: Format
    folder: Path
    name: str

    @property
    def responses(self) -> Path:
        """A row a presentation."""
        suffix = next(suffix for suffix, kind in SUFFIXES.items() if kind == self.format)
        return self.folder / f"{self.name}{suffix}"

    @property
    def sites(self) -> Path | None:
        """A row a session and site; None of netCDF, which has them in the one file."""
        suffix = self.responses.suffix
        return None if self.format == "netcdf" else self.folder / f"{self.name}-sites{suffix}"

    @property
    def document(self) -> Path:
        """What each column is; written last."""
        return beside(self.responses)

    @property
    def all(self) -> tuple[Path, ...]:
        """All of them."""
        return tuple(path for path in (self.responses, self.sites, self.document) if path is not None)


def beside(responses: Path) -> Path:
    """Return where the document of a file of exported responses lies."""
    return responses.with_name(f"{responses.name}.json")


def responses_files(out: Path, wanted: str | None) -> ResponsesFiles:
    """Return the files that an export is to leave.

    Parameters
    ----------
    out
        A file whose suffix says the format, or a folder.
    wanted
        The format; None: as the suffix says, of a folder parquet.

    Raises
    ------
    OptionError
        The format is none, or another than the suffix says.
    StorageError
        There is no such place, or something else lies there.
    """
    if wanted is not None and wanted not in FORMATS:
        raise OptionError(f"--format {wanted[:40]}: expected {' or '.join(FORMATS)}. Correct it.")
    of_suffix = SUFFIXES.get(out.suffix.lower())
    if of_suffix is not None and not out.is_dir():
        if wanted not in (None, of_suffix):
            raise OptionError(
                f"--format {wanted}: expected {of_suffix}, as the name {out.name} says. Leave one of them out."
            )
        refuse_no_folder(out)
        files = ResponsesFiles(of_suffix, out.parent, out.stem)
    else:
        refuse_no_folder(out)
        if out.exists() and not out.is_dir():
            raise StorageError(
                f"--out {out}: expected a folder, or a file named {', '.join(SUFFIXES)}, found another file. Choose "
                "another name."
            )
        files = ResponsesFiles(next((one for one in FORMATS if one == wanted), "parquet"), out, _NAME)
    _refuse_others(files)
    return files


def refuse_other_study(files: ResponsesFiles, *, study_id: str) -> None:
    """Refuse to write over an export of another study.

    Parameters
    ----------
    files
        That an export is to leave.
    study_id
        Of the study.

    Raises
    ------
    StorageError
        There is one.
    """
    if not files.document.is_file():
        return
    before = ExportedResponsesDocument.read(files.document).study
    if before.study_id != study_id:
        raise StorageError(
            f"{files.document}: expected no file or an earlier export of this study, found one of {before.subject}. "
            "Choose another --out."
        )


def _refuse_others(files: ResponsesFiles) -> None:
    """Refuse to write over what is no earlier export."""
    there = [path for path in files.all if path.exists()]
    if not there:
        return
    try:
        ExportedResponsesDocument.read(files.document)
    except DocumentError:
        raise StorageError(
            f"{there[0]}: expected no file, or an earlier export with its {files.document.name}, found another. Choose "
            "another --out."
        ) from None
