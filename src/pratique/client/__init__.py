"""Registries as a program uses them: a repository by its name, with the machine's logins, mirrors and certificates."""
