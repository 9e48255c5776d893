"""The version of the library, where the lowest layers can read it."""

__version__ = "0.1.0"
