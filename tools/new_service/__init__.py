"""`bookstore new service`: writes a service on the plan of this repository, with its contract and its tests.

The files in `templates/` lie where the files they make will lie, with NAME and NOUN in their paths.
"""
