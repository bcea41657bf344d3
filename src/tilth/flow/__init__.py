"""The short flow people call; infers and composes the rooms above, holds no mechanism."""
