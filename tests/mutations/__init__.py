"""Patches to production code that break one rule each, and the proof that the simulation finds every one of them."""
