"""Pratique beside other clients, in turns, against the same registries."""
