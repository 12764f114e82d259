"""The files of a package: how PostgreSQL writes what is long, and what is derived from that beside it.

segments.py   log lines, openings and GL_Details of a segment, in one pass, by PostgreSQL
sums.py       what a log adds up to, by PostgreSQL; read by the derivation
derived.py    a process of its own: tables, journal, hledger, beancount from the lines; nothing but verifier/
about.py      README and the data dictionary
"""
