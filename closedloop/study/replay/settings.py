"""Other settings for days that are over, as a person gives them: protocol keys that decide nothing before a session."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from closedloop.artifacts.documents import validate
from closedloop.artifacts.protocol.analysis import Evaluation, Fit
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.errors import OptionError
from closedloop.plain_text.suggestions import did_you_mean
from closedloop.plain_text.yaml_edit import UneditableYamlError, replace_section
from closedloop.plain_text.yaml_text import parse_yaml
from closedloop.study.table import STAGE_TABLE

_WINDOW = "recording.window_ms"
_ENDS = ("recording.window_start_ms", "recording.window_stop_ms")
_RECORDING = (
    *("spikes_from", "detection", "notch", "bridge_ms", "count_noise_unit", "photodiode", "max_missing_fraction"),
    *("window_start_ms", "window_stop_ms"),
)
KEYS = (
    _WINDOW,
    *(f"recording.{name}" for name in _RECORDING),
    "sites.min_reliability",
    *(f"fit.{name}" for name in Fit.model_fields),
    *(f"evaluation.{name}" for name in Evaluation.model_fields),
)
"""What can be set: all else decided what was shown, or what was recorded, and cannot be another now."""


@dataclass(frozen=True)
class WhatIf:
    """One set of other settings.

    Attributes
    ----------
    name
        As it was given.
    settings
        Protocol keys and values.
    protocol
        The study's, with them.
    stages
        Which stages they decide: those are made again.
    ignored
        Kinds of people's decisions that do not count.
    """

    name: str
    settings: dict[str, Any]
    protocol: Protocol
    stages: tuple[str, ...]
    ignored: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, str]:
        """Return the settings as amendments have them."""
        return {key: json.dumps(value) for key, value in self.settings.items()}

    def protocol_file(self, content: bytes) -> bytes:
        """Return a study's protocol file with these settings, its other sections as they stand.

        Raises
        ------
        OptionError
            A section stands in the file in a way that is not edited.
        """
        for section in dict.fromkeys(key.split(".")[0] for key in self.settings):
            value = json.dumps(getattr(self.protocol, section).model_dump(mode="json"))
            try:
                content = replace_section(content, section, lines=(f"{section}: {value}",), braces=value)
            except UneditableYamlError as error:
                raise OptionError(
                    f"--set {self.name}: expected a protocol whose section {section} can be edited, found {error}. "
                    "Set keys of another section."
                ) from error
        return content


def read_settings(text: str, protocol: Protocol) -> WhatIf:
    """Read one set of settings.

    Parameters
    ----------
    text
        ``KEY=VALUE``, several with semicolons between them: ``recording.window_ms=[60,160]; recording.notch=50``.
    protocol
        The study's.

    Raises
    ------
    OptionError
        A key is none of `KEYS`, or the protocol does not take the value.
    """
    parts = [part.partition("=") for part in text.split(";") if part.strip()]
    if not parts or any(not sign for _, sign, _ in parts):
        raise OptionError(
            f"--set {text}: expected KEY=VALUE, found no sign between them. Give it as recording.window_ms=[60,160]."
        )
    for key, _, _ in parts:
        if key.strip() not in KEYS:
            raise OptionError(
                f"--set {key.strip()}: expected a key that decides what is made after a session, found another. "
                f"{did_you_mean(key.strip(), KEYS)}Give one of {', '.join(KEYS)}."
            )
    lines = "\n".join(f"{key.strip()}: {value.strip()}" for key, _, value in parts)
    given = parse_yaml(lines.encode(), place=f"--set {text}", error=OptionError)
    return what_if(text.strip(), _ends_of_windows(text, given), protocol)


def without_exclusions(protocol: Protocol) -> WhatIf:
    """Return the settings by which nothing is left out, whatever people decided."""
    return WhatIf("--nothing-excluded", {}, protocol, ("refit", "evaluate"), frozenset({"exclude", "include"}))


def by_detection(name: str, protocol: Protocol) -> WhatIf:
    """Return the settings by which spikes are those of a definition in raw voltage, whatever the recorder found.

    Parameters
    ----------
    name
        Of the definition.
    protocol
        The study's.

    Raises
    ------
    OptionError
        There is none of that name.
    """
    return what_if(f"--detection {name}", {"recording.detection": name, "recording.spikes_from": "raw"}, protocol)


def what_if(name: str, settings: dict[str, Any], protocol: Protocol) -> WhatIf:
    """Return settings with the protocol that has them, and the stages that they decide.

    Parameters
    ----------
    name
        What they are called.
    settings
        Protocol keys and values.
    protocol
        The study's.

    Raises
    ------
    OptionError
        The protocol does not take a value.
    """
    plain = protocol.model_dump(mode="json")
    for key, value in settings.items():
        section, _, field = key.partition(".")
        plain[section][field] = value
    place = name if name.startswith("--") else f"--set {name}"
    changed = validate(Protocol, plain, place=place, error=OptionError)
    return WhatIf(name, settings, changed, _stages_decided_by({key.split(".")[0] for key in settings}))


def _ends_of_windows(text: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with both ends of a window in place of the window."""
    if _WINDOW not in given:
        return given
    window = given[_WINDOW]
    if not isinstance(window, Sequence) or isinstance(window, str) or len(window) != len(_ENDS):
        raise OptionError(
            f"--set {text}: expected a start and a stop in milliseconds after stimulus onset, found {window}. Give "
            f"them as {_WINDOW}=[60,160]."
        )
    return {name: value for name, value in given.items() if name != _WINDOW} | dict(zip(_ENDS, window, strict=True))


def _stages_decided_by(sections: set[str]) -> tuple[str, ...]:
    """Return the stages after a session that sections decide; evaluation is of what ingest counted."""
    of = {stage.name: set(stage.sections) for stage in STAGE_TABLE.day}
    found = [
        name for name in ("ingest", "refit") if of[name] & (sections - {"recording"} if name == "refit" else sections)
    ]
    return (*found, *(("evaluate",) if "ingest" in found or "evaluation" in sections else ()))
