"""Whole networks, one file per family; the file name is the registry name."""
