"""What the sites answered: presentations, counts, onsets, spikes and the site table (stage `ingest`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.layouts import ArrayLayout, Column, Dataset, TableLayout

RESPONSES = TableLayout(
    kind="responses",
    columns={
        "ordinal": Column("int32", "", "presentation in the journal; row of responses.h5"),
        "presentation_index": Column("int32", "", "planned presentation"),
        "image_index": Column("int32", "", "row of the stimulus set"),
        "stimulus_id": Column("string", "", "content hash of the bytes shown"),
        "repetition": Column("int32", "", "which showing"),
        "onset_s": Column("float64", "s", "stimulus onset on the recorder's clock; NaN where unknown"),
        "onset_source": Column("string", "", "photodiode, code, fit, or none"),
        "used": Column("bool", "", "whether the counts stand"),
        "reason": Column("string", "", "why not, or on which processor not; else empty"),
    },
)


class Site(Section):
    """A recorded multi-unit."""

    neuroid_id: str = Field(description="identity across days: array and electrode")
    electrode_id: int = Field(description="the recorder's number; each of its processors has its own count")
    reliability: float | None = Field(
        description="Spearman-Brown split half of this day; null where it cannot be computed"
    )
    mean_rate_hz: float | None = Field(description="null where it was not recorded (0 in files of version 0.1)")
    sigma_hz: float | None = Field(description="SD over the clean images' mean rates; null as above")
    site_index: int | None = Field(description="output of the model; null for electrodes not chosen on day 0")
    processor: int = Field(default=1, description="which of the recorder's processors it is wired to")
    label: str = Field(default="", description="its name in the recorder's files")
    row: int | None = Field(default=None, description="place on the array by its map (.cmp); null without one")
    column: int | None = None


class SiteTable(Document):
    """sites.json: every electrode of the day, in the order of responses.h5, and which are sites.

    A site that the model has and the day's recording lacks stands last, without reliability, and has no column.
    """

    kind: Literal["site_table"] = "site_table"
    day: int
    sites: tuple[Site, ...]

    def chosen(self) -> tuple[Site, ...]:
        """Return the sites of the model, by output index."""
        chosen = [site for site in self.sites if site.site_index is not None]
        return tuple(sorted(chosen, key=lambda site: site.site_index or 0))


RESPONSE_COUNTS = ArrayLayout(
    kind="response_counts",
    datasets={
        "counts": Dataset("float64", ("presentation", "electrode"), "spikes in the window; NaN where unusable"),
        "electrode_id": Dataset("uint16", ("electrode",), ""),
    },
)


ONSETS = ArrayLayout(
    kind="onsets",
    datasets={
        "processor": Dataset("uint8", ("device",), ""),
        "tick_hz": Dataset("float64", ("device",), "ticks per second"),
        "epoch": Dataset("int32", ("device", "presentation"), "run of the clock; -1 where unknown"),
        "tick": Dataset("float64", ("device", "presentation"), "recorder ticks; NaN where unusable on this device"),
        "time_s": Dataset("float64", ("device", "presentation"), "s, the clock's runs laid end to end"),
    },
)


SPIKES = ArrayLayout(
    kind="spikes",
    datasets={
        "electrode_id": Dataset("uint16", ("spike",), ""),
        "epoch": Dataset("uint16", ("spike",), ""),
        "tick": Dataset("int64", ("spike",), "recorder ticks"),
        "time_s": Dataset("float64", ("spike",), "s"),
    },
)


WAVEFORMS = ArrayLayout(
    kind="waveforms",
    datasets={
        "processor": Dataset("uint8", ("electrode",), ""),
        "electrode_id": Dataset("uint16", ("electrode",), "electrodes with a spike in the sample"),
        "n_spikes": Dataset("int64", ("electrode",), "in the sample"),
        "mean_uv": Dataset("float64", ("electrode", "sample"), "uV; NaN after an electrode's last sample"),
    },
)
