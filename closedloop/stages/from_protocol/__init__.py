"""What a protocol's sections ask of the libraries: the one place where a document's words become settings.

A module a kind of setting, so that a stage that needs no torch imports none.
"""
