"""Go or no-go between the stages: pure functions from published files to PASS, WARN or HOLD."""
