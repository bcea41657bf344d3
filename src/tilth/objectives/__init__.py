"""What is computed on a batch and which parameters it moves, one file per idea."""
