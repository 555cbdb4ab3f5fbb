"""`python -m benchmarks`: the six-day dry run, timed, and what it must show."""

from benchmarks.first_light import main

main()
