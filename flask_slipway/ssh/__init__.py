"""One site over SSH: a connection, a channel, a conversation."""
