"""A protocol's sections as settings of the libraries: the one place where one becomes the other.

A module a kind of setting, so that a stage that needs no torch imports none.
"""
