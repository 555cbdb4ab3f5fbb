"""A study's tables, arrays and documents for whoever analyses it: read only. pandas is at home here.

`closedloop.open_study` is the way in.
"""

from closedloop.plain_text.installing import install_command

try:
    import pandas  # noqa: F401 - everything here needs it
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"pandas: expected an installed library, found none. Install it: {install_command('lab')}", name=error.name
    ) from error
