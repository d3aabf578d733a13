"""Sockets that a registry listens on, and HTTP/1.1 as a server speaks it."""
