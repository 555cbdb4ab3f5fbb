"""The RSVP state machine: what happens in a trial, and what is known after each."""
