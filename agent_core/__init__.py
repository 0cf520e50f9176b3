"""What the agent is: the conversation and its reducer, behaviour, guardrails, knowledge, and the ports to models and speech.

Everything here runs with no log, no host and no broker.
"""
