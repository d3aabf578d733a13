"""Copying: a plan of what has to move, and its execution. Stores are known by their protocols only."""
