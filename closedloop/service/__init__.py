"""The daily service: what an experimenter leaves running, and the page that it shows on this machine alone."""
