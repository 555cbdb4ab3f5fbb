"""A systemd user unit for the service, to be kept in ``~/.config/systemd/user``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from closedloop.errors import OptionError

_UNIT = """\
# Written by `closedloop serve --unit`. The page listens on this machine's loopback interface alone.
[Unit]
Description=closedloop: {description}
Documentation=man:systemd.service(5)

[Service]
Type=exec
ExecStart={command}
WorkingDirectory=~
# It is started again when it is killed or fails; a command line that is not understood would fail for ever.
Restart=on-failure
RestartSec=10
RestartPreventExitStatus=2
SuccessExitStatus=130
# The service alone is asked to end: it asks its loops, which tidy up. What is left after the time is killed.
KillMode=mixed
TimeoutStopSec=120
# A machine that runs out of memory ends a loop, which is started again, and not the service.
OOMPolicy=continue

[Install]
WantedBy=default.target
"""


def unit(options: Sequence[str], *, names: Sequence[str]) -> str:
    """Return a unit that serves studies.

    Parameters
    ----------
    options
        The words after ``closedloop serve``, with absolute paths.
    names
        Of the studies, for its description.

    Raises
    ------
    OptionError
        A word cannot be written into a unit.
    """
    words = [sys.executable, "-m", "closedloop", "serve", *options]
    for word in words:
        if not word.isprintable():
            raise OptionError(f"--unit: expected words that can be printed, found {word!r}. Rename what is called so.")
    if "$" in sys.executable or '"' in sys.executable:
        raise OptionError(
            f"--unit: expected a path of Python that systemd takes, found {sys.executable}. Install it elsewhere."
        )
    return _UNIT.format(
        # a backslash at a line's end would make the next line a part of it
        description=_specifiers(", ".join(names)).rstrip("\\"),
        command=" ".join(quoted_word(word) for word in words),
    )


def quoted_word(word: str) -> str:
    r"""Return a word of a command line for systemd, which expands variables and specifiers inside of quotes too.

    Examples
    --------
    >>> quoted_word("a b"), quoted_word('100 % of "$HOME"'), quoted_word("plain")
    ('"a b"', '"100 %% of \\"$$HOME\\""', 'plain')
    """
    escaped = _specifiers(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    is_plain = bool(word) and all(one.isalnum() or one in "/._-:=,+@%" for one in word)
    return escaped if is_plain else f'"{escaped}"'


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")
