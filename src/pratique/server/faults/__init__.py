"""Faults on purpose, and the manners of real registries: for those who test clients."""
