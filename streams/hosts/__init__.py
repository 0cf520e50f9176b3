"""Hosts: what runs owners. Each is thin; domain code never sees which one it runs on."""
