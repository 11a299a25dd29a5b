"""Figures with intervals, calibration, the threshold lab. Nothing here knows a model or a picture."""
