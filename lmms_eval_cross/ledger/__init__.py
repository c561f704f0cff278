"""Every answer and every verdict, kept in SQLite: the store, its hosts, money, keys. All SQL stands here."""
