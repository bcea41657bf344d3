"""Readers, splits, findings, transforms and the sources that hand out batches."""
