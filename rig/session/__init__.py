"""A session's folder, its journal and its lock on the rig computer."""
