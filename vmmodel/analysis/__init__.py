"""From tables to numbers: metrics, exact small-sample intervals, summaries.  Never the model."""
