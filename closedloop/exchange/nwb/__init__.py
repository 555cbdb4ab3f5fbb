"""A session of a study as an NWB file: what archives and analysis programs of other laboratories read.

pynwb is at home here. A file is written whole, inspected, and only then gets its name.
"""
