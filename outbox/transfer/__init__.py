"""Moving a running installation into another database: whole and checked, or not at all."""
