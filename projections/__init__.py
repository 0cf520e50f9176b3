"""Read models of one log: the report of a call, the list of calls, replay, verify."""
