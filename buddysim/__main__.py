"""``python -m buddysim``."""

from __future__ import annotations

import sys

from buddysim.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
