"""The sealed log, receipts, the audit package: the books are read and sealed here, nothing is posted."""
