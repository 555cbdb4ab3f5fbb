"""Which electrode still is the one it was on day 0 (stage `ingest`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.documents import Document, Section
from closedloop.artifacts.protocol.numbers import MOST_SESSIONS
from closedloop.artifacts.records.sequence import Block

IdentityState = Literal["same", "moved", "retuned", "lost", "dead", "missing", "unknown"]


class SiteIdentity(Section):
    """An electrode of day 0, and what it is today."""

    neuroid_id: str
    site_index: int | None = Field(description="output of the model; null for electrodes that are no site")
    state: IdentityState = Field(
        description="same; moved: it answers as partner did; retuned: as no electrode did whose place is free; lost: "
        "it fires and tells the images apart no more; dead: it fires no more, or gave no spike all day; missing: not "
        "recorded; unknown: too few images, or its signature was noise then or is now"
    )
    correlation: float | None = Field(
        description="of its mean responses to the images shown every day with day 0's, less what all electrodes share "
        "and with noise taken out: 1 but for drift, and beyond it by chance"
    )
    standard_error: float | None = Field(description="of the correlation, by the jackknife over images")
    partner: str = Field(description="the electrode as which it answers; empty where it did not move")
    partner_correlation: float | None = Field(description="with that one's responses on day 0")
    reliability_then: float | None = Field(description="part of its variance over these images that is no noise, day 0")
    reliability_now: float | None = Field(description="the same today")
    rate_then_hz: float | None = Field(description="mean over these images, day 0; null without a response")
    rate_now_hz: float | None = Field(description="the same today")
    waveform_likeness: float | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="of its mean spike waveform with day 0's, 2 a.b / (a.a + b.b): 1 where shape and size are equal; "
        "decides nothing; absent where the recorder stores none",
    )
    partner_waveform_likeness: float | None = Field(
        default=None, exclude_if=lambda value: value is None, description="with that of the partner on day 0"
    )


class OfferedSite(Section):
    """An electrode that repeats itself today and did not on day 0: it could be a site, and is none by itself."""

    neuroid_id: str
    reliability_then: float | None = Field(description="split half on day 0; null where it was not recorded")
    reliability: float = Field(description="the same today")


class IdentityTable(Document):
    """identity.json: which electrode still is the one it was on day 0; from day 1 on."""

    kind: Literal["site_identity"] = "site_identity"
    day: int
    block: int = Field(
        default=1,
        ge=1,
        le=MOST_SESSIONS,
        exclude_if=lambda number: number == 1,
        description="which of the day's sessions",
    )
    n_images: int = Field(description="normalizers and anchors that were answered on both days")
    expected: float | None = Field(
        description="median correlation over electrodes: what drift leaves; null where nobody could be compared"
    )
    electrodes: tuple[SiteIdentity, ...] = Field(description="those of day 0, in its order")
    offered: tuple[OfferedSite, ...] = Field(description="the most reliable first; never taken by the loop")

    @property
    def session(self) -> Block:
        """Which session."""
        return Block(self.day, self.block)

    def sites(self) -> tuple[SiteIdentity, ...]:
        """Return the sites of the model, by output index."""
        chosen = [one for one in self.electrodes if one.site_index is not None]
        return tuple(sorted(chosen, key=lambda one: one.site_index or 0))
