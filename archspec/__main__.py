"""`python -m archspec`: the command line, for where no script is installed."""

import sys

from archspec.cli import main

if __name__ == "__main__":
    sys.exit(main())
