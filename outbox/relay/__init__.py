"""The relay: fans committed events out to inboxes and lanes, as the catalog routes them."""
