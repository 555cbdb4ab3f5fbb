"""Which fast tests can something that has changed since they passed reach? `make check` runs those, and says which."""
