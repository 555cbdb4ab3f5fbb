"""Asked when a session is evaluated: whether the refitted model is fit to choose the next day's images."""
