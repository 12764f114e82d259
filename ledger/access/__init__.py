"""Who may enter: users and sessions. Only `api` calls this room."""
