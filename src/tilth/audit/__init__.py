"""Looking at a trained model honestly: errors, calibration, intervals, baselines, the report."""
