"""The documents: one pydantic class per file kind, the table and array files, manifests, study paths.

Everything that passes between two stages, or between the loop and the rig, is described here and nowhere else.
Imports without torch, neo and matplotlib, because the rig computer has none of them.
"""
