"""Programs that make what is shipped: the gallery's generator."""
