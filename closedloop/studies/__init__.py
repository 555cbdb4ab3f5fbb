"""Questions outside the loop, a folder each, from its settings to a folder of results.

A study's folder holds all that is its own: `command` (a Typer ``app``, found by `app`), `documents` (found by
`closedloop.artifacts.schemas`), and the measurement, the tables, the figures and the page. Beside them:

- `networks`: Which network, cut at which layer.
- `simulated_subject`: Who answers in memory where no study has been made.
"""
