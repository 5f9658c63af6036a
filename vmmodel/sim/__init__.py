"""The clock: SimPy processes for CPUs and pressure, the free lock, prices, sampling."""
