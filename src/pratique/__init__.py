"""Pratique: an OCI registry client whose permission belongs to one request and its answer."""

from .version import VERSION as __version__

__all__ = ["__version__"]
