"""Experiments of the paper on the repository's data, each one command. They are run by hand, not by pytest."""
