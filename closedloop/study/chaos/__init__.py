"""A simulated study to which a bad week happens, beside the same study undisturbed.

- `events`: What can go wrong, and drawing it by a seed.
- `programs`: The loop and the rig as processes of their own, to be killed.
- `laboratory`: The people: they present, record and copy, and decide what the loop asks them.
- `comparing`: Which folders are the undisturbed ones, and why others are not.
- `run`: All of it.
"""
