"""Floor 3: KPIs of the generative-content pipeline."""
