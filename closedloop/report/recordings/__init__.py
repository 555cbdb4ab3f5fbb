"""Pages about a recorder's files, without a study: what an array looks like, the waveforms of its spikes."""
