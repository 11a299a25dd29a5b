"""Many radiographs: one outcome for each file, work that goes on in the background or after a break."""
