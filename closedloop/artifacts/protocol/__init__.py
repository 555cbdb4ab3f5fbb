"""The protocol: a whole experiment in one YAML file, checked."""
