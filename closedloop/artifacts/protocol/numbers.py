"""Kinds of numbers in a protocol."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Positive = Annotated[float, Field(gt=0)]


Fraction = Annotated[float, Field(ge=0, le=1)]


Count = Annotated[int, Field(ge=1)]


CountOrNone = Annotated[int, Field(ge=0)]
