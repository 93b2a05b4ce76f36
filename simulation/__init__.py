"""Floor 1: worlds with known truth, from one seed."""
