"""The sealed log of a book, what proves that an entry is in it, and the package an auditor takes away."""
