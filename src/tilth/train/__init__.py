"""The one loop and what it keeps: contracts, state, checkpoints, numerics, schedules, hooks."""
