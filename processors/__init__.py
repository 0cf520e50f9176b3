"""Deciders (pure) and executors (effects) of a turn, one file each, named after what they do."""
