"""The outbox: the event log and its cursor, the relay's fan-out, lanes and deliveries, catalog and migrations.

Everything of ours that lives in PostgreSQL is written here, one module for each table. Imports nothing of ours.
"""
