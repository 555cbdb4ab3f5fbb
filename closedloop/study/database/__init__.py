"""The ledger as an SQLite file: what may be wrong with one."""
