"""Where the registry keeps its content: a folder, shared among processes, from which nothing acknowledged is lost."""
