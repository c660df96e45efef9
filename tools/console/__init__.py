"""The `bookstore` command: starts, watches and stops the whole stack on one machine, and looks into it.

Owns the data folder's layout, certificates, the embedded broker, the edge's configuration and the processes. Holds no
business: services are started as processes of their own.
"""
