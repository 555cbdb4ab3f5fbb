"""What an experimenter leaves running for days: it waits, it runs, it shows, it holds."""
