"""`python -m app` is the `starscoo` command."""

from app.cli import main

main()
