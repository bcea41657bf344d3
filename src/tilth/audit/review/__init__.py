"""The review page: what of the data a person should look at, and where decisions are made."""
