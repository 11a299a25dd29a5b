"""PulmoScan: high-sensitivity pneumonia screening of chest radiographs, for research and education."""

__version__ = "0.1.0"

DISCLAIMER = "For research and education only. Not a medical device: no clinical decision may rest on it."
