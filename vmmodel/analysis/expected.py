"""What chance alone gives, in closed form: to hold against the model, and to read its results by.

Nothing here knows the model.
"""

import numpy as np


def stranded_tail(mean_demand: float, chunk: int = 512) -> float:
    """Expect the unused pages of the last chunk after a Poisson number of single requests.

    A bump pointer that served D pages has (-D) mod *chunk* left.  The expectation of a periodic
    function of D is a sum over its discrete Fourier transform.  With much demand it comes to half
    a chunk, wherever demand happens to stop.

    >>> stranded_tail(0), round(stranded_tail(1e6), 3)
    (0.0, 255.5)
    """
    left = -np.arange(chunk) % chunk
    weights = np.fft.fft(left) / chunk
    turns = np.exp(2j * np.pi * np.arange(chunk) / chunk)
    return float(np.real(weights @ np.exp(mean_demand * (turns - 1))))


def whole_chunks(chunks: int, freed: int, chunk: int = 512) -> float:
    """Expect how many chunks are wholly free after *freed* of their pages, drawn evenly, are free.

    Of *chunks* times *chunk* pages in use each set of *freed* is as likely as any other, so a
    chunk is whole with probability C(N - n, freed - n) / C(N, freed).  That is about
    (freed / N) ** n: for half of the pages and a chunk of 512 it is 1e-154.

    >>> whole_chunks(3, 1536), round(whole_chunks(3, 1535), 9), whole_chunks(3, 511)
    (3.0, 2.0, 0.0)
    """
    return chunks * _all_among(chunk, freed, chunks * chunk)


def tainted_regions(regions: int, pages: int, region: int = 512) -> float:
    """Expect how many regions hold at least one of *pages* pages that are placed evenly.

    A region is spared with probability C(N - n, k) / C(N, k), as a birthday is by k guests.

    >>> tainted_regions(8192, 0), round(tainted_regions(8192, 1), 6), tainted_regions(2, 1024)
    (0.0, 1.0, 2.0)
    """
    total = regions * region
    return regions * (1 - _all_among(region, total - pages, total))


def _all_among(n: int, chosen: int, total: int) -> float:
    """Give the probability that *n* given things are all among *chosen* random ones of *total*."""
    i = np.arange(n)
    return float(np.prod(np.maximum(chosen - i, 0) / (total - i)))
