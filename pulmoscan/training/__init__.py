"""Data, augmentation, training, calibration and evaluation: everything that makes and measures the weights."""
