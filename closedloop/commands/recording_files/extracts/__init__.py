"""The commands that take something out of a recording: waveforms, samples, digital codes by bit, an array map."""
