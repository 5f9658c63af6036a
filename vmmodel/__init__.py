"""A model of FreeBSD's physical memory, for comparing designs of NOFREE pages."""

__version__ = "0.1.0"
