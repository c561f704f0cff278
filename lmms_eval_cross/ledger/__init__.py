"""Every answer and every verdict, kept in SQLite: the store, several hosts' files, money, batches, keys.

All SQL stands here. Imports benchmark/ and what is below it.
"""
