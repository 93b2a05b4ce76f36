"""Credit of channels on the paths to a conversion: rules, Markov, Shapley, with intervals. Credit, not cause."""
