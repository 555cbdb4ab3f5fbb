"""Asked when a session is ingested: whether what came back is whole, and of the same sites as before."""
