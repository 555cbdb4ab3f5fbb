"""All commands by which people decide about a study that is under way."""

from __future__ import annotations

import typer

from closedloop.commands.amending.app import amending_app
from closedloop.commands.amending.left_out_app import left_out_app
from closedloop.commands.amending.sessions_app import sessions_app

all_amending_app = typer.Typer(rich_markup_mode=None)
for one in (left_out_app, sessions_app, amending_app):  # in the order of their pages
    all_amending_app.add_typer(one)
