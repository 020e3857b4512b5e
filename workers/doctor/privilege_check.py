"""What the doctor thinks of the login: may it do a worker's work, and no more than that."""

from typing import NamedTuple

from outbox.database.connection import Connection
from workers.doctor.finding import Finding, fail, ok, warn

# `usage`: what the login may do without SET ROLE, which no process of ours says
LOGIN = """
select current_user::text as name,
  (select rolsuper from pg_roles where rolname = current_user) as superuser,
  has_schema_privilege('outbox', 'usage') as schema,
  array(
    select r from unnest(array['outbox_producer', 'outbox_worker', 'outbox_reader']) r where to_regrole(r) is null
  ) as absent_roles,
  array(
    select c.oid::regclass::text from pg_class c
    where c.relnamespace = to_regnamespace('outbox') and c.relkind in ('r', 'p')
      -- one by one: of a list, has_table_privilege is content with any
      and not (
        has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
        and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete')
      )
    order by 1
  ) as closed_tables,
  pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_all
"""


class Login(NamedTuple):
    """What the login that DATABASE_URL names is and may do."""

    name: str
    superuser: bool
    schema: bool
    """It may enter the schema `outbox`."""
    absent_roles: list[str]
    """Of the three that the migrations make."""
    closed_tables: list[str]
    """Tables of the schema that it may not read and write."""
    sees_all: bool
    """It sees since when others' transactions are open."""


async def look_at_rights(conn: Connection) -> list[Finding]:
    """Look at what the login may do."""
    row = await conn.fetchrow(LOGIN)
    if row is None:  # a select without a table always answers
        raise AssertionError
    return judge(Login(*row))


def judge(login: Login) -> list[Finding]:
    """Say whether the login may do too little or too much, and whether it sees what the metrics tell."""
    grant = f'grant outbox_worker to "{login.name}"'
    if login.absent_roles:
        missing = ", ".join(login.absent_roles)
        return [fail("roles", f"{missing} is missing", "vestnik migrate, with a login that may create roles")]
    if not login.schema:
        return [fail("roles", f"{login.name} may not use the schema outbox", grant)]
    if login.closed_tables:
        return [fail("roles", f"{login.name} may not read and write {login.closed_tables[0]}", grant)]
    if login.superuser:
        todo = "give the workers a login of their own that has no more than outbox_worker"
        return [warn("roles", f"{login.name} is a superuser", todo)]
    if not login.sees_all:
        says = f"{login.name} does not see others' open transactions: their age is 0 in status and metrics"
        return [warn("roles", says, f'grant pg_read_all_stats to "{login.name}"')]
    return [ok("roles", f"{login.name} may do a worker's work")]
