"""The ways in: HTTP, pages, command line. No SQL, no arithmetic on points, no decision about who may have how much."""

VERSION = "0.1.0"
