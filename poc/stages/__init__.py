"""The pipeline stages, one file each: a stage turns a stream of batches into a stream of batches."""
