"""Says which messages of the rig no page explains, each as an entry that is to be filled in."""

from __future__ import annotations

import sys

from tools.operator_messages.faults import faults


def main() -> None:
    """Print what is to be done, and end with exit code 1 where there is anything."""
    found = faults()
    for one in found:
        sys.stdout.write(f"{one}\n\n")
    sys.stdout.write(f"{len(found)} to be mended\n" if found else "Every message is explained.\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
