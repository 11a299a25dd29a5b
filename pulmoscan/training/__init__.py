"""Data, augmentation, training, calibration and evaluation: everything that makes and measures the weights."""

import os

# Albumentations would ask the package index for a newer version of itself whenever it is imported.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
