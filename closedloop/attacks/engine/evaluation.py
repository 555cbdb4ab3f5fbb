"""Asking the model about a batch: padded so that answers do not depend on it, in parts where memory is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from closedloop.attacks.gradients.estimators import Draws
from closedloop.attacks.objectives import ValueAndGradient, ValueOf
from closedloop.attacks.precision import ascending, chosen_precision, exactly
from closedloop.attacks.problem import Method, Problem
from closedloop.errors import ExecutionError

PADDED_TO = 4
"""Batches are filled up to a multiple: one image alone rounds otherwise than several (measured), and the library
prepares for few shapes while a queue runs dry."""

_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")

Answer = TypeVar("Answer")
Item = TypeVar("Item")


class NoRoomError(ExecutionError):
    """There is no memory for a few images in the model, beside what is held already."""


def no_room() -> NoRoomError:
    """Return the error that says so."""
    return NoRoomError(
        f"attack: expected memory for {PADDED_TO} images in the model, found too little. "
        "Free some, use fewer workers or smaller images, and run again: what is done is kept."
    )


def if_it_fits(ask: Callable[[], Answer]) -> Answer | None:
    """Return what is asked for; None where memory does not suffice, and nothing of it is held then.

    Parameters
    ----------
    ask
        Changes nothing, so that it can be asked again for less.
    """
    try:
        return ask()
    except (torch.OutOfMemoryError, MemoryError, NoRoomError):
        pass
    except RuntimeError as error:
        if not any(text in str(error) for text in _NO_MEMORY):
            raise
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
    return None


def in_halves(ask: Callable[[Sequence[Item]], Sequence[Answer]], items: Sequence[Item]) -> Iterator[Answer]:
    """Yield an answer for each item; where memory does not suffice for all at once, each half is asked by itself.

    Parameters
    ----------
    ask
        Items to answers in their order; an answer does not depend on the others.
    items
        At least one.

    Raises
    ------
    NoRoomError
        There is no memory for a few.
    """
    answers = if_it_fits(lambda: ask(items))
    if answers is not None:
        yield from answers
        return
    if len(items) <= PADDED_TO:
        raise no_room()
    middle = len(items) // 2
    for half in (items[:middle], items[middle:]):
        yield from in_halves(ask, half)


@dataclass
class Width:
    """How many images go through the model at once; halved for good where memory does not suffice."""

    images: int

    def halve(self) -> None:
        """Use half the memory.

        Raises
        ------
        NoRoomError
            It is the least that can be used.
        """
        if self.images <= PADDED_TO:
            raise no_room()
        self.images = max(PADDED_TO, self.images // 2)


@dataclass(frozen=True)
class Evaluator:
    """A problem and a method, asked about images of some rows.

    Attributes
    ----------
    problem, method
        What is attacked and how.
    width
        Images at once.
    """

    problem: Problem
    method: Method
    width: Width = field(compare=False)

    def estimate(self, images: Tensor, rows: Tensor, draws: Draws) -> ValueAndGradient:
        """Estimate values and gradients to ascend by, in the method's precision.

        Parameters
        ----------
        images
            In [0, 1], (n, 3, height, width).
        rows
            Rows of the objective's parameters, int64, (n,).
        draws
            Where an estimator's random numbers come from.
        """
        with ascending(self.method.precision, images.device):
            return ValueAndGradient(*self._in_parts(self._estimate, images, rows, draws))

    def score(self, images: Tensor, rows: Tensor, draws: Draws) -> ValueAndGradient:
        """Estimate values in float32, comparable between calls of the same draws, and gradients to go on by.

        Parameters
        ----------
        images, rows, draws
            As for `estimate`.
        """
        found = self.estimate(images, rows, draws)
        if chosen_precision(self.method.precision, images.device) == "float32":
            return found
        return ValueAndGradient(self.value_and_score(images, rows)[1], found.gradient)

    def value_and_score(self, images: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate in float32: the objective by the model itself, and what the estimator makes of it."""
        with exactly(), torch.no_grad():
            value, score = self._in_parts(self._value_and_score, images, rows, _none(rows))
        return value, score

    def value(self, images: Tensor, rows: Tensor) -> Tensor:
        """Evaluate the objective by the model itself, in float32."""
        with exactly(), torch.no_grad():
            (value,) = self._in_parts(lambda value_of, asked, _: (value_of(asked),), images, rows, _none(rows))
        return value

    def _estimate(self, value_of: ValueOf, images: Tensor, draws: Draws) -> tuple[Tensor, ...]:
        return self.method.estimator.estimate(value_of, images, draws)

    def _value_and_score(self, value_of: ValueOf, images: Tensor, draws: Draws) -> tuple[Tensor, ...]:  # noqa: ARG002 - as above
        value = value_of(images)
        return value, self.method.estimator.value(lambda asked: value if asked is images else value_of(asked), images)

    def _in_parts(
        self,
        ask: Callable[[ValueOf, Tensor, Draws], tuple[Tensor, ...]],
        images: Tensor,
        rows: Tensor,
        draws: Draws,
    ) -> tuple[Tensor, ...]:
        answers: list[tuple[Tensor, ...]] = []
        start = 0
        while start < len(rows):
            places = range(start, min(start + self.width.images, len(rows)))
            answer = self._answer(ask, images, rows, draws, places)
            if answer is None:
                self.width.halve()
                continue
            answers.append(tuple(part[: len(places)] for part in answer))
            start = places.stop
        return answers[0] if len(answers) == 1 else tuple(torch.cat(parts) for parts in zip(*answers, strict=True))

    def _answer(
        self,
        ask: Callable[[ValueOf, Tensor, Draws], tuple[Tensor, ...]],
        images: Tensor,
        rows: Tensor,
        draws: Draws,
        places: range,
    ) -> tuple[Tensor, ...] | None:
        """Ask about some places; None where memory did not suffice."""
        padded = _pad(places)
        value_of = _value_of(self.problem, rows[padded])
        chosen = Draws(tuple(draws.seeds[place] for place in padded), tuple(draws.steps[place] for place in padded))
        return if_it_fits(lambda: ask(value_of, images[padded].contiguous(memory_format=torch.channels_last), chosen))


def _value_of(problem: Problem, rows: Tensor) -> ValueOf:
    def value(images: Tensor) -> Tensor:
        responses = problem.model(images)
        return problem.objective.value(responses.float() if responses.dtype is torch.bfloat16 else responses, rows)

    return value


def _none(rows: Tensor) -> Draws:
    """Draws for what draws nothing."""
    return Draws((0,) * len(rows), (0,) * len(rows))


def _pad(places: Sequence[int]) -> list[int]:
    n = -(-len(places) // PADDED_TO) * PADDED_TO
    return [*places, *[places[-1]] * (n - len(places))]
