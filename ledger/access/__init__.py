"""Who may enter, and who people are: users, sessions, personal data. Only `api` calls this room."""
