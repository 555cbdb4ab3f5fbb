"""All commands by which people decide about a study that is under way."""

from __future__ import annotations

from closedloop.commands.amending.app import amending_app
from closedloop.commands.amending.left_out_app import left_out_app
from closedloop.commands.amending.sessions_app import sessions_app

AMENDING_APPS = (left_out_app, sessions_app, amending_app)
"""In the order of their pages."""
