"""How fast PulmoScan is, against the way demos usually go: `python -m pulmoscan benchmark`, docs/performance.md."""
