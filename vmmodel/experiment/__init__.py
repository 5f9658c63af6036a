"""Scenarios, replications with common random numbers, and the tables they are written to."""
