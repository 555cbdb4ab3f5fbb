"""What the days of a study have published, read for the page: as it is, without a lock and without a write.

- `numbers`: What each day has measured.
- `sections`: What the page shows of it.
- `next_session`: The stimuli that are shown next, with their audit.
- `pictures`: Their bytes as PNG.
- `decisions`: What people decided, and what happened to the stages.
- `choices`: Filters of what is shown.
"""
