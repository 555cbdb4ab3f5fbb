"""Where independent pieces of work are done: in this process, or in several of this machine."""
