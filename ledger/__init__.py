"""The domain of the Meide Ledger: books, earning, spending, recognition, auditing. It knows no HTTP."""
