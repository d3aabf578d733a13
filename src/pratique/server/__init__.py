"""The embedded registry: an application over a folder, who may do what with it, and the sockets that it listens on."""
