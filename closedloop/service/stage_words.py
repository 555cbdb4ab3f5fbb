"""The stages of a day in words: what a person who reads their names is told."""

from __future__ import annotations

STAGE_WORDS: dict[str, str] = {
    "plan": "chooses the day's images and sites, by what is known of the days before",
    "synthesize": "computes the attacks and their controls with the model of the day before",
    "schedule": "puts all images into the session that the rig shows: order, repetitions, codes",
    "present": "the rig shows the session to the animal; a person starts it, and brings what the rig wrote",
    "recording": "the recorder's files of the session are brought, and taken over once they are whole",
    "ingest": "counts the spikes of each presentation, by its codes and its light",
    "refit": "fits the model anew, to this day's answers too",
    "evaluate": "measures how far the sites really moved, and draws the report",
    "queue": "hands the model over to the next day",
}
"""What each stage of a day does, for who reads its name."""
