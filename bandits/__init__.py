"""Floor 2: Thompson sampling for creative tests."""
