"""Command line and composition: the only place that knows every vendor."""
