"""The simulation host: production code on a virtual clock, with seeded order and faults, and every invariant checked."""
