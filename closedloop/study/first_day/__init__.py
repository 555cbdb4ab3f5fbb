"""Before the first day: a protocol for a screen and hours, a list of what to do, what another study has already."""
