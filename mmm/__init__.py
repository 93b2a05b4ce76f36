"""Floor 2: the hierarchical Bayesian media mix model."""
