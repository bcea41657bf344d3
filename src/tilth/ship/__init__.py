"""Bundles and the predictor that opens them."""
