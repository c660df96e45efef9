"""The services of the bookstore, the chassis they share and the command that runs them."""

__version__ = "0.1.0"
