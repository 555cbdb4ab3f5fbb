"""The commands under `closedloop recording`: each reads Blackrock files and prints or writes what is in them."""
