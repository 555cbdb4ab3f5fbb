"""One process that goes on with a study whenever something was brought or decided, and rests in between.

- `file_systems`: Whether the kernel is told of every change of a folder's files, or only whoever looks.
- `alarms`: Sleeping until something may have changed.
- `scene`: All that lets a study go on when it changes, as a look found it.
- `prospects`: When a look or a run is worth while next.
- `wait`: The wait itself.
"""
