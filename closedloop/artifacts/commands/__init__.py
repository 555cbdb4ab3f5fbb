"""What commands write for anyone, outside of a study: sets of attacks, tables of a recording."""
