"""The data lake: raw data of every kind as it came, in immutable batches."""
