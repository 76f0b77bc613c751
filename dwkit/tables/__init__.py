"""What the warehouse and the marts share: inputs of a model, checks, commits, the ledger's index of them."""
