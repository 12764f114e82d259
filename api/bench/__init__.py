"""`meide bench`: how fast the books are, as ratios to a plain baseline that is measured in the same minutes.

    rounds.py     the protocol: set-up, warm-up, rounds of baseline and subject back to back, check, report
    subjects.py   what is measured, and what it must reach
    baseline.py   the baseline: its own schema in a database of its own, driven by pgbench
    ground.py     the books that the subjects post to and read from
    measure.py    closed loops, latencies, medians
    postings.py   subjects in this process: posting, holds, lots; imports.py
    earning.py    a sheet of hours, the end of notice, expiry, sign-in over HTTP
    over_http.py  subjects over HTTP, against a service of its own; load.py is their client, a process of its own
    scanning.py   looking for a code in a frame of a till's camera
    auditing.py   the audit package: what it costs beside a COPY, its memory, verifying it
    reads.py      what reading costs in a large book, compared with a small one
    report.py     the table and its JSON

Absolute figures belong to one machine in one hour; the ratios are what can be compared.
"""
