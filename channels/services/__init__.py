"""What changes in the ledger, and the only code that changes it."""
