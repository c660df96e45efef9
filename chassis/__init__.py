"""The mechanism every service shares: server, channels, database, events, telemetry.

Nothing of the business occurs here. A service describes itself as a `chassis.service.Service` and is run by
`chassis.process.serve`.
"""
