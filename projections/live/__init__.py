"""Live aggregates: what the log says of the last hour, counted while it is written, and served from memory.

They are derived and may be thrown away: everything in them is counted from the log again when their topics are removed.
"""
