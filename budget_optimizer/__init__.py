"""Floor 2: the budget allocator with a certified optimum."""
