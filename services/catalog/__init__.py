"""The catalog: which books the shop has, and at what price.

Owns: books. Other services know them by name only.
Tables: books, book_categories, book_contributors (the last two are indexes for filters), and those of the chassis.
Asks: identity, whether the calling account is active, before a book is created.
Events out: BookCreated, BookUpdated, BookDeleted, BookUndeleted. Events in: none.
Settings: those of the chassis.
"""
