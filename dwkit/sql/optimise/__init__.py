"""Rewrites of plans that keep their rows and save work; Polars' own optimiser does the rest."""

from dwkit.sql.optimise.eager import aggregated_first

__all__ = ["aggregated_first"]
