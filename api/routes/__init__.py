"""The HTTP API, a file for each room. Routes never import routes."""
