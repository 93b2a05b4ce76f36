"""Floor 3: evidence, recommendation and exports."""
