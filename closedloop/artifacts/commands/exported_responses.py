"""What `closedloop export responses` and `closedloop export brainscore` leave beside their files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section


class ExportedColumn(Section):
    """A column of a table, or a variable of a netCDF file."""

    type: str
    unit: str = Field(description="empty where there is none")
    meaning: str


class ExportedRecording(Section):
    """A session that is in the files."""

    day: int = Field(description="recording day, from 0")
    session: int = Field(description="of the day, from 1")
    n_presentations: int = Field(description="rejected ones too")
    n_used: int
    responses_sha256: str = Field(description="of the responses.h5 that the numbers come from")
    reliability_seed: int = Field(description="of the halves behind the sites' reliability: the same again by it")
    left_out: tuple[str, ...] = Field(default=(), description="what people left out of the fit or the evaluation")


class ExportedFrom(Section):
    """The study that the files come from."""

    study_id: str
    subject: str
    protocol_name: str
    protocol_sha256: str
    window_ms: tuple[float, float] = Field(description="after the onset in which spikes were counted, half-open")


class ExportedResponsesDocument(Document):
    """The .json beside exported responses: what each column is, and where all comes from; written last."""

    kind: Literal["exported_responses"] = "exported_responses"
    closedloop_version: str
    study: ExportedFrom
    format: Literal["parquet", "csv", "netcdf"]
    unit: Literal["spikes"] = Field(
        description="of the sites' columns: spikes in the window; empty or NaN: none counts"
    )
    sites: tuple[str, ...] = Field(description="columns of sites, by neuroid_id; in netCDF along the axis site")
    sessions: tuple[ExportedRecording, ...]
    columns: dict[str, ExportedColumn] = Field(description="of presentations")
    site_columns: dict[str, ExportedColumn] = Field(description="of the sites")
    files: dict[str, str] = Field(description="sha256 of the files beside it")


class ExportedAssemblyDocument(Document):
    """export.json of a Brain-Score export: what the folder holds; written last."""

    kind: Literal["exported_assembly"] = "exported_assembly"
    closedloop_version: str
    study: ExportedFrom
    unit: Literal["spikes"] = Field(description="of the assembly: spikes in each bin")
    n_presentations: int
    n_neuroids: int
    n_stimuli: int
    bin_edges_ms: tuple[float, ...] = Field(description="after the onset; those of the window add up to the response")
    sessions: tuple[ExportedRecording, ...]
    files: dict[str, str] = Field(description="sha256 of the other files of the folder")
