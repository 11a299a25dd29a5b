"""How a classifier is calibrated and measured, and what is written about it."""
