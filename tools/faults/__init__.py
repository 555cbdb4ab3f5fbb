"""A disk that fails on purpose: `make faults` runs a day and a session of the rig through all its faults.

- `shim`: What stands between a process and the disk (C, by LD_PRELOAD), and its control file.
- `server`: Runs commands as children of a process that has imported everything once.
- `subjects`: What is run: the stages of a day, a session of the rig; and what has to be the same afterwards.
- `durable`: The disk as it was if nothing had been written but what was synced.
- `campaign`: All cases, in order, each once; what is found.
"""
