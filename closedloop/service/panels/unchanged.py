"""As `closedloop.service.unchanged`, for panels."""

from closedloop.service.unchanged import FileState, file_state, while_unchanged

__all__ = ["FileState", "file_state", "while_unchanged"]
