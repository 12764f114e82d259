"""The schema's history, run by Alembic. Functions, triggers and their SQL stand here and nowhere else."""
