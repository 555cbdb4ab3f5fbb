"""What a laboratory is told by a command of its own: mail, chat, a lamp. Nothing of ours talks to the network."""
