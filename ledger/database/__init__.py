"""The database: how to reach it, its schema, and a server of our own when none is given."""
