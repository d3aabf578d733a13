"""One request delivered: messages, the transport that carries them, and a session of hops and retries."""
