"""Datasets, their splits, and how pictures are cropped and augmented."""
