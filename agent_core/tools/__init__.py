"""Tools: what the agent may look up for an authenticated subject. One file each; see ``base``."""
