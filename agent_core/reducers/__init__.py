"""The fold, part by part: each file says what its events change. ``agent_core.evolve`` puts them together."""
