"""How the operator sees a session: a window, or a page in a terminal, in a process of its own."""
