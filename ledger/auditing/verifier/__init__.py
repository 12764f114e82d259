"""Checks receipts and packages with nothing but Python's standard library (3.9 or newer): no database, no network.

The folder is copied whole into every package as `verify/` and is run there by `python3 verify .`; it imports nothing
from the rest of the ledger, so that whoever checks a package need not trust, install or read anything else.
"""
