"""Floor 2: geo experiments, their design and readout."""
