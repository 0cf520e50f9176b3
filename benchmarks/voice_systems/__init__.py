"""Systems that answer the same spoken turns: each runs in a process, and an environment, of its own.

What all of them share (said, far_end, plan, process) imports numpy and this project's media alone.
"""
