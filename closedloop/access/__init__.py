"""A study's tables, arrays and documents for whoever analyses it: read only. pandas is at home here.

`closedloop.open_study` is the way in.
"""
