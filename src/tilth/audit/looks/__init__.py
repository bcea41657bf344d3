"""One file per way of looking at a trained model; a task names its own as ``look``."""
