"""The books: accounts, transactions, entries, balances. This room knows none of the others."""
