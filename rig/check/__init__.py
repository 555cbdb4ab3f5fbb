"""Everything that can be known before the animal sits down, as one table: PASS, WARN or FAIL, each with what to do."""
