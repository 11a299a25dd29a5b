"""Bytes, files, folders and archives -> `Radiograph`: float32 [H, W] in [0, 1]."""
