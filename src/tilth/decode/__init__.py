"""From outputs to answers: what is made of what a model computes."""
