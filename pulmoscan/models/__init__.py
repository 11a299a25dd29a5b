"""The models: registry and cards, input, forward pass, heatmaps; PyTorch networks only to train and compile."""
