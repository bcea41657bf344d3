"""Building blocks that whole networks are made of."""
