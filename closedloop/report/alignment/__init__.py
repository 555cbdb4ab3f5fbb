"""The page and figures of `closedloop recording align`."""
