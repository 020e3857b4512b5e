"""The outbox: everything of ours that is in an application's PostgreSQL, and what is decided about a delivery.

Each folder has the statements of one part of the trade; docs/folders.md has a line for each. A table is not one
folder's alone: to `outbox.delivery`, for instance, the relay, lanes, records of attempts, operators and pruning write.
An application in Python imports `outbox.binding`. Nothing here imports another package of ours.
"""
