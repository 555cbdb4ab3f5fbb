"""How many channels go through the loops side by side, and how many rows at a time."""

LANES = 16  # of 4 bytes: a register of 512 bits; the compiler splits it where a processor has narrower ones
AT_ONCE = 256  # rows whose sizes wait in the fastest cache
