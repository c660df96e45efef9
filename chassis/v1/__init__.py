"""The contract of the library: policies of methods and error reasons. Written by `make protos`."""
