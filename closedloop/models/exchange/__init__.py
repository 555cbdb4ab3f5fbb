"""Models as files that open without closedloop: weights, a description, reference predictions and a loader."""
