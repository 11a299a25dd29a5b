"""PulmoScan: high-sensitivity pneumonia screening of chest radiographs, for research and education."""

import sys

__version__ = "0.1.0"

DISCLAIMER = "For research and education only. Not a medical device: no clinical decision may rest on it."

OLDEST_PYTHON = (3, 10)

if sys.version_info >= OLDEST_PYTHON:  # `__main__` tells of an older one
    from pulmoscan.settings import set_up

    set_up()
