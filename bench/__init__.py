"""What Starscoo costs, measured: see `make bench`. Nothing of the product imports this."""
