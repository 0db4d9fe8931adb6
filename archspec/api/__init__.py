"""The functions of the package, by what they are asked for."""
