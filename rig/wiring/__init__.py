"""Opens each port as the rig's description says: a name there, a device here."""
