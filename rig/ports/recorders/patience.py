"""How long Blackrock's recorder is waited for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecorderPatience:
    """How long what is waited for, seconds.

    Attributes
    ----------
    packets_s
        Until the first packet comes.
    lost_s
        Without a packet for so long the device is lost: it sends some every 10 ms, whatever is recorded. What was
        accepted meanwhile is rejected and shown again, as after a stall (`artifacts.day.presented.unrecorded`).
    dialog_s
        Central's file dialog needs "about 250 ms" to open, pycbsdk says; an order that comes sooner is lost.
    begins_s, ends_s
        Until a file grows, and until it grows no more; folders of another computer show a size late.
    still_s
        A file that has not grown for so long has ended.
    look_s
        Least time between two looks at the folder between trials.
    stalls_s
        A file that has not grown for so long in a session has stalled.
    late_s
        What is seen in a file may have been recorded so long before: Linux believes for a second what it knows of a
        folder of another computer (mount.cifs), and what Central has gathered and not written is lost with it.
    """

    packets_s: float = 2.0
    lost_s: float = 0.5
    dialog_s: float = 0.5
    begins_s: float = 15.0
    ends_s: float = 15.0
    still_s: float = 1.5
    look_s: float = 5.0
    stalls_s: float = 30.0
    late_s: float = 1.0
