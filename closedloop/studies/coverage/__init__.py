"""Whether a day's intervals cover, its estimators are unbiased and its alarms ring, on simulated experiments."""
