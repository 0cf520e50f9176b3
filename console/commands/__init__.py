"""One file a command: ``run`` does the work and returns the exit code."""
