"""The only stand-ins that tests use: the clock, and the providers on the other side of the network."""
