"""``python -m dse`` is the command ``dse``."""

import sys

from dse.cli import main

if __name__ == "__main__":  # a spawned worker imports this file again
    sys.exit(main())
