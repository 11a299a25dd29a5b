"""What a browser session holds."""
