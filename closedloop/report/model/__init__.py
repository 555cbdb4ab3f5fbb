"""How good the model is: before a recording, against what it shows, and after each refit."""
