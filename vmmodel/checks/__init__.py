"""The model put beside what others measured: benchmarks of the literature, run in the model."""
