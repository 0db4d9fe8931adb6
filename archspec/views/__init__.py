"""What a graph tells people: views of it, not programs made from it."""
