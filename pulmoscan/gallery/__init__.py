"""The sample gallery: what is shipped, and the user's own radiographs."""
