"""How the planner is to plan our statements: said of each session, or of each transaction behind a pooler.

The settings alone do not keep a plan from being wrong. Each look-up is written so that one index is the only way,
whatever the planner believes of the tables: docs/decisions/0028-one-way-for-each-look-up.md has the forms.
"""

from collections.abc import Mapping

PLANNER: Mapping[str, str] = {
    # the statements are small and their shapes known: compiling them costs more than it gives
    "jit": "off",
    # Every hot statement looks up a batch of rows by index. A plan made while a table was still empty, or cheap by
    # an estimate, must do that too: read whole, a table of millions makes each batch slow.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # what is asked for is the first few rows in an index's order, and a bitmap reads all before it sorts them
    "enable_bitmapscan": "off",
    # and one plan for every batch: made once, and not by guesses about the values of this one
    "plan_cache_mode": "force_generic_plan",
}
