"""Real databases beside the simulated ones."""
