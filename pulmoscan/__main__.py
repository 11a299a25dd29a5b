"""`python -m pulmoscan`: see `pulmoscan.cli`."""

import sys

from pulmoscan.cli import main

sys.exit(main())
