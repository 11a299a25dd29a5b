"""What is seen of a radiograph before any model runs: lungs, gate, quality."""
