"""What the Graph is turned into: one file for each output."""
