"""What people look at: each view reads a Graph and tells or draws it."""
