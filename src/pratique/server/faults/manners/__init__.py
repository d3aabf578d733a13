"""The manners of real registries, by name: each stands before a registry that has none of them."""
