"""Past days made again by today's code, beside the study and never in it: what differs, and what other settings give.

- `trees`: Folders laid out as a study, whose stages are made again or lead to the published ones.
- `settings`: Other settings, as a person gives them.
- `making`: Running a day's stages in such a folder.
- `comparing`: What differs between a published stage and the same one made again.
- `measures`: A day's numbers, as published and with other settings.
- `run`: All of it.
"""
