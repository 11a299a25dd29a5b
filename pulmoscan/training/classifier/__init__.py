"""How a classifier is trained."""
