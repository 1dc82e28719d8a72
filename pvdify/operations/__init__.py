"""The one table of operations, and the conductor that runs them."""
