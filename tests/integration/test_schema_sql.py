"""outbox/schema.sql: what the migrations give, in one file."""

import pytest

from outbox.database.connection import Connection
from outbox.schema import shape
from tests import shape as written
from tests.conftest import TEMPLATE
from tests.shape import SCHEMA
from workers.embedded.engine import Postgres

# pg_dump knows no pooler, and a schema is made on PostgreSQL itself
pytestmark = pytest.mark.direct


async def test_it_gives_the_shape_that_the_migrations_give(empty: Connection) -> None:
    """Loaded into an empty database it leaves nothing out, and adds nothing."""
    await empty.execute(SCHEMA.read_text(encoding="utf-8"))
    assert shape.differences(shape.expected(), await shape.describe(empty)) == []


def test_it_is_what_pg_dump_says(postgres: Postgres) -> None:
    """`make shape` writes it anew; another version of PostgreSQL would put some of it into other words."""
    if postgres.binaries.parent.name != "pginstall":
        pytest.skip("the file is written by the embedded PostgreSQL")
    assert written.dumped(postgres, TEMPLATE) == SCHEMA.read_text(encoding="utf-8")


DUMP = """
SET statement_timeout = 0;
--
-- Name: f(); Type: FUNCTION; Schema: outbox; Owner: -
--

CREATE FUNCTION outbox.f() RETURNS void
    AS $$
-- Name: none
select 1
$$;


--
-- Name: FUNCTION f(); Type: COMMENT; Schema: outbox; Owner: -
--

COMMENT ON FUNCTION outbox.f() IS 'f';


SET default_tablespace = '';

--
-- Name: TABLE t; Type: ACL; Schema: outbox; Owner: -
--

GRANT ALL ON TABLE outbox.t TO w;


--
-- Name: t; Type: TABLE; Schema: outbox; Owner: -
--

CREATE TABLE outbox.t (id bigint);


--
-- PostgreSQL database dump complete
--
"""
TIDY = """
CREATE TABLE outbox.t (id bigint);

CREATE FUNCTION outbox.f() RETURNS void
    AS $$
-- Name: none
select 1
$$;

COMMENT ON FUNCTION outbox.f() IS 'f';

GRANT ALL ON TABLE outbox.t TO w;
"""


def test_a_dump_is_put_in_order() -> None:
    """Tables come before functions and these before rights, each without what pg_dump says to its session."""
    assert written.tidied(DUMP) == written.HEAD + TIDY
