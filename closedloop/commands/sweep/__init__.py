"""`closedloop sweep`: whole dry runs around many simulated subjects."""
