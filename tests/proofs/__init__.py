"""The promises of accounting and limits, proven by counting: under load, killing, and lost stores.

Every proof draws what it does from a seed that it prints; `--seed` repeats it. `--long` does more of the same.
What was counted is printed at the end and written to tests/artifacts/proofs.json.
"""
