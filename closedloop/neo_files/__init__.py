"""Recorders of other makers, read by neo: its streams, events and units as the values of `recording`.

neo opens the files; times, gaps, digital codes and what it cannot say are looked at here. Imports errors and
`recording` alone. Blackrock's files have a room of their own (decision 0008).

- `wiring`: Which stream is raw voltage, which units are spikes, where digital codes and the photodiode are.
- `source`, `streams`: What neo opens, and with which of its readers; its streams and channels.
- `timing`, `sample_numbers`: A stream's uninterrupted pieces on the recorder's clock.
- `samples`, `lines`, `codes`, `spikes`: Voltage in bounded memory; digital lines as words, words as codes; spikes.
- `file_sizes`: Which files are no whole copies.
- `sync`: One card's clock on another's, by the pulses that both recorded.
- `contents`: What is in the files, and what neo cannot say of them.
"""
