"""The sealed log, receipts, the audit package, and what an auditor sees: reads all rooms, posts nothing."""
