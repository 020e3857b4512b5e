"""What others rely on, kept as text beside this file: commands, settings, metrics, log events, routes, units, ...

`make surface` writes the files anew, and a test holds them equal to the code: so a change of what others rely on is
seen in a review, and a change of how the code is laid out changes nothing here. `product.py` is the only file that
knows where in the code something stands. The shape of the schema is in a file of its own: see `tests/shape.py`.
"""
