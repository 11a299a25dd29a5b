"""How the lung network is trained, calibrated and measured."""
