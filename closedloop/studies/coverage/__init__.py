"""Whether the day's intervals cover, its estimators are unbiased and its alarms ring: simulated experiments by the hundred."""
