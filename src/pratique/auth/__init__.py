"""Permission for one request: challenges, scopes, credentials, tokens and the conversation that uses them."""
