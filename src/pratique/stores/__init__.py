"""Places where content lives. Each is a file of its own and knows no other."""
