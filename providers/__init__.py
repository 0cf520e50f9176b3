"""TODOC"""
