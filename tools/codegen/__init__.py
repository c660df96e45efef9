"""What `make protos` runs: everything under `generated/` from `protos/` and installed packages, offline.

`python -m tools.codegen write` regenerates. `python -m tools.codegen check` refuses a contract that breaks the
house rules, or a `generated/` that differs in one byte from what the contract says.
"""
