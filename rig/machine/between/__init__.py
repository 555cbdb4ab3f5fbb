"""What a session does between its trials beside showing: recordings are split, clocks compared."""
