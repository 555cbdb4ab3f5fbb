"""What every error for a person looks like: one line that names the place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from closedloop.errors import ClosedLoopError


@contextmanager
def refused(error: type[ClosedLoopError], *words: object) -> Iterator[pytest.ExceptionInfo[ClosedLoopError]]:
    """Expect an error of one line with all of these words; the first one, the place, begins it."""
    with pytest.raises(error) as caught:
        yield caught
    message = str(caught.value)
    assert type(caught.value) is error
    assert "\n" not in message
    assert message.startswith(str(words[0])), message
    for word in words:
        assert str(word) in message, message
