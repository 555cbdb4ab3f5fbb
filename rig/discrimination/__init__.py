"""`rig discriminate`: people say same or different in a PsychoPy window; the journal is the browser page's own."""
