"""What `make protos` runs: everything under `generated/` from `protos/` and installed packages, offline.

`python -m services.codegen write` regenerates. `python -m services.codegen check` refuses a contract that breaks the
house rules, or a `generated/` that differs in one byte from what the contract says.
"""
