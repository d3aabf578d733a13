"""Who may do what, and how that is proved: rules, passwords, tokens and their keys."""
