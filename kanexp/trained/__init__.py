"""What was trained, for use: networks as modules, predictions for new rows, single edges, files that run anywhere."""
