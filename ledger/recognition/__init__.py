"""Stars, proofs of service, boards, honours: read from the books and from earning; nothing is posted here."""
