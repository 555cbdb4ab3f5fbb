"""The commands as `closedloop --help` lists them: under what one is about, each in a line."""

from __future__ import annotations

SECTIONS: dict[str, dict[str, str]] = {
    "To begin": {
        "dry-run": "the whole experiment on a simulated monkey",
        "new": "a study of a real animal, by questions",
        "init": "the same by options",
        "plan": "what a day will cost and can show",
        "rehearse": "a study's day around a simulated animal, on a copy",
        "doctor": "whether this machine can run closedloop",
    },
    "The experiment, day by day": {
        "run": "go on until a person is needed; once a recording day",
        "serve": "keep studies running, with a page to follow them",
        "status": "what is done, and what comes next",
        "report": "regenerate the report pages",
        "history": "what happened to a study, in order",
        "verify": "read a study whole: nothing lost, nothing changed",
        "replay": "make past days again, and name what differs",
    },
    "Files in and out": {
        "analyse": "responses in a file: reliability, ceilings, categories",
        "import": "begin a study with what was recorded elsewhere",
        "export": "tables, netCDF, Brain-Score, NWB",
        "recording": "a recorder's files: contents, spikes, clocks",
    },
    "Networks and attacks": {
        "attack": "attack any model's outputs on your own images",
        "model": "export a fitted model so that it opens elsewhere",
        "base-model": "train, import or check a network under the readout",
    },
    "Single questions": {
        "studies": "questions of the paper and beyond, outside the loop",
        "sweep": "how often intervals and tests of a protocol are right",
        "discrimination": "ask people whether they see the perturbations",
    },
    "What people decide, noted with who and why": {
        "approve": "let a study go on despite what a gate found",
        "hold": "hold a study",
        "release": "release it",
        "accept-session": "take a session as data despite what stands against it",
        "accept-recording": "take a recording though something is missing",
        "replace-recording": "put a good copy in the place of a bad one",
        "exclude": "leave sites, arrays, days or presentations out",
        "include": "take them in again",
        "close-day": "close a day whose session ended early",
        "reopen-day": "take that back",
        "skip-day": "go on without a day",
        "unskip-day": "take that back",
        "add-block": "one more session on a day",
        "drop-block": "go on without a day's last session",
        "amend": "other numbers of the protocol from a day on",
        "withdraw": "take an amendment back",
        "move": "say where images or the base model are now",
        "add-images": "more images for later days",
    },
}
"""By heading, each command and what it does, in few words: its own help says it whole."""
