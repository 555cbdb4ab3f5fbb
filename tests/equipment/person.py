"""Somebody at the terminal of `rig` or `closedloop`, who answers what is asked."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time


class Person:
    """Somebody at the terminal of a command, who answers what is asked."""

    def __init__(self, *words, environment=None, module="rig", cwd=None):
        self._ours, theirs = pty.openpty()
        command = [sys.executable, "-m", module, *map(str, words)]
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True, env=environment, cwd=cwd
        )
        os.close(theirs)
        self.read = ""

    def wait_for(self, words, *, within_s=120.0):
        end = time.monotonic() + within_s
        start = len(self.read)
        while words not in self.read[start:]:
            assert time.monotonic() < end, self.read
            if select.select([self._ours], [], [], 0.05)[0]:
                try:
                    self.read += os.read(self._ours, 4096).decode()
                except OSError:
                    assert words in self.read[start:], self.read
                    return

    def answer(self, question, words):
        self.wait_for(question)
        os.write(self._ours, words.encode())

    def end(self):
        status = self.process.wait(120)
        os.close(self._ours)
        return status
