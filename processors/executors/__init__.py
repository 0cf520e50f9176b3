"""Executors: each carries out one kind of ask and returns its outcome as a fact. One file each."""
