"""One script per peer; each does one bench's work once and prints one JSON line."""
