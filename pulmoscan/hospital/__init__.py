"""In a hospital's network: a node that takes studies, screens them and gives results back, and loses nothing."""
