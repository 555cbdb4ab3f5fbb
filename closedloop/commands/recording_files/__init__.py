"""The commands under `closedloop recording`: each reads Blackrock files and says or writes what is in them."""
