"""Side-by-side speed: the compiled kernel against our own C, run by `./study bench`."""
