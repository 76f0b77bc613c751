"""Statements that change tables, one module for each family; `dwkit.sql.session` runs them."""
