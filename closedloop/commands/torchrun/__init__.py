"""`torchrun -m closedloop ...`."""
