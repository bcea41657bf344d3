"""One file per kind of problem: head, objective, metrics, decoding."""
