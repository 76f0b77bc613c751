"""Where the bytes are: folders, Parquet files, Delta tables, locks. Knows no SQL and no ledger."""
