"""A study's tables, arrays and documents for whoever analyses it: read only. pandas is at home here.

`closedloop.open_study` is the way in.
"""

try:
    import pandas  # noqa: F401 - everything here needs it
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "pandas: expected an installed library, found none. Install it: pip install 'closedloop[lab]'", name=error.name
    ) from error
