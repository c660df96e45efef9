"""Identity: who has an account, what they may do, and who is signed in.

Owns: accounts, passwords, sessions, the keys that access tokens are signed with. Others know accounts by name only.
Tables: users, sessions, refresh_tokens, sign_in_failures, and those of the chassis. Passwords are kept as Argon2id
hashes, refresh tokens as SHA-256 hashes; private keys lie in files, so that no copy of the database can sign.
Closing an account erases its personal data here; answers remembered for repeats hold a copy for up to 48 hours.
Asks: nobody.
Events out: UserCreated, UserUpdated, UserDeleted. Events in: none.
Settings: those of the chassis; keys lie in `keys/` of the data folder.
"""
