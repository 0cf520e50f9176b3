"""Real servers for development and tests, started from packages: no JDK, no Maven, no Docker."""
