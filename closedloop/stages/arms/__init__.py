"""Arms of a day: fitted beside the day's model, planned, made and sealed, evaluated."""
