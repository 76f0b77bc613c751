"""Frozen values that every layer speaks of: names, types, contracts, batches, runs, model headers."""
