"""What PostgreSQL is asked for the shape of the schema.

Each question answers with kind, name, part_of and traits. No trait may depend on an oid, on a column's position, on
who owns the schema, or on the PostgreSQL release.
"""

RELATIONS = """
select
  case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'S' then 'sequence' when 'v' then 'view'
    when 'm' then 'materialized view' when 'f' then 'foreign table' else 'type' end as kind,
  'outbox.' || c.relname as name,
  coalesce('outbox.' || owning.relname, '') as part_of,
  jsonb_build_object(
    'survives', case c.relpersistence when 'u' then 'no crash' else 'crashes' end,
    -- two owners are a fault: what belongs to another role is out of reach of emit and forget
    'owner', case when c.relowner = ours.relowner then 'that of outbox.migration' else pg_get_userbyid(c.relowner) end,
    'options', (select string_agg(option, ', ' order by option) from unnest(c.reloptions) option),
    'row security', case when c.relrowsecurity then 'on' end,
    'foreign keys', case when exists (
      select from pg_trigger t where t.tgrelid = c.oid and t.tgisinternal and t.tgenabled in ('D', 'R')
    ) then 'not watched' end,
    'query', case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
    'counts', (
      select format('%s from %s, %s to %s by %s%s', format_type(s.seqtypid, null), s.seqstart, s.seqmin, s.seqmax,
        s.seqincrement, case when s.seqcycle then ', again and again' end)
      from pg_sequence s where s.seqrelid = c.oid
    )
  ) as traits
from pg_class c
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox'
left join pg_class ours on ours.relnamespace = n.oid and ours.relname = 'migration'
left join pg_depend d on c.relkind = 'S' and d.classid = 'pg_class'::regclass and d.objid = c.oid
  and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
left join pg_class owning on owning.oid = d.refobjid
where c.relkind not in ('i', 'I', 't')
"""

COLUMNS = """
select
  'column' as kind, format('outbox.%s.%s', c.relname, a.attname) as name, 'outbox.' || c.relname as part_of,
  jsonb_build_object(
    'type', format_type(a.atttypid, a.atttypmod),
    'null', case when a.attnotnull then 'refused' else 'allowed' end,
    'collation', case when a.attcollation <> t.typcollation then l.collname end,
    'default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
    'generated', case
      when a.attidentity = 'a' then 'identity always' when a.attidentity = 'd' then 'identity by default'
      when a.attgenerated <> '' then
        format('%s, %s', pg_get_expr(d.adbin, d.adrelid), case a.attgenerated when 's' then 'stored' else 'virtual' end)
    end
  ) as traits
from pg_class c
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox'
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_collation l on l.oid = a.attcollation
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
"""

# From PostgreSQL 18 on every NOT NULL is a constraint too; here it is a trait of its column.
CONSTRAINTS = """
select
  'constraint' as kind, format('%s on outbox.%s', x.conname, c.relname) as name, 'outbox.' || c.relname as part_of,
  jsonb_build_object('definition', pg_get_constraintdef(x.oid)) as traits
from pg_constraint x
join pg_class c on c.oid = x.conrelid
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox'
where x.contype <> 'n'
"""

# Those of a primary key or of a unique constraint stand among the constraints.
INDEXES = """
select
  'index' as kind, 'outbox.' || i.relname as name, 'outbox.' || c.relname as part_of,
  jsonb_build_object(
    'definition', pg_get_indexdef(x.indexrelid),
    'state', case when x.indisvalid and x.indisready and x.indislive then 'valid' else 'invalid' end
  ) as traits
from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_class c on c.oid = x.indrelid
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox'
where not exists (
  select from pg_constraint k where k.conindid = i.oid and k.conrelid = c.oid and k.contype in ('p', 'u', 'x')
)
"""

# A source is as long as a page: its digest tells that it differs.
FUNCTIONS = """
select
  case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end as kind,
  format('outbox.%s(%s)', p.proname, oidvectortypes(p.proargtypes)) as name, '' as part_of,
  jsonb_build_object(
    'source', left(encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'), 16),
    'arguments', pg_get_function_arguments(p.oid),
    'result', pg_get_function_result(p.oid),
    'language', l.lanname,
    'runs as', case when p.prosecdef then 'its owner' else 'its caller' end,
    'owner', case when p.proowner = ours.relowner then 'that of outbox.migration' else pg_get_userbyid(p.proowner) end,
    'settings', array_to_string(p.proconfig, ', '),
    'depends on', case p.provolatile when 'i' then 'its arguments' when 's' then 'what is read' else 'anything' end,
    'parallel', case p.proparallel when 's' then 'safe' when 'r' then 'restricted' else 'unsafe' end,
    'null', case when p.proisstrict then 'in, null out' end
  ) as traits
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace and n.nspname = 'outbox'
join pg_language l on l.oid = p.prolang
left join pg_class ours on ours.relnamespace = n.oid and ours.relname = 'migration'
"""

TRIGGERS = """
select
  'trigger' as kind, format('%s on outbox.%s', t.tgname, c.relname) as name, 'outbox.' || c.relname as part_of,
  jsonb_build_object(
    'definition', pg_get_triggerdef(t.oid),
    'state', case t.tgenabled when 'D' then 'disabled' when 'O' then 'enabled' else 'enabled for replicas' end
  ) as traits
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox'
where not t.tgisinternal
union all
select 'rule', format('%s on outbox.%s', r.rulename, c.relname), 'outbox.' || c.relname,
  jsonb_build_object('definition', pg_get_ruledef(r.oid))
from pg_rewrite r
join pg_class c on c.oid = r.ev_class
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox'
where r.rulename <> '_RETURN'
union all
select 'policy', format('%s on outbox.%s', p.polname, c.relname), 'outbox.' || c.relname,
  jsonb_build_object('rows', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid))
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox'
"""

TYPES = """
select 'type' as kind, 'outbox.' || t.typname as name, '' as part_of, jsonb_build_object(
    'base', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
    'words', (select string_agg(e.enumlabel, ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid)
  ) as traits
from pg_type t
join pg_namespace n on n.oid = t.typnamespace and n.nspname = 'outbox'
where t.typtype in ('d', 'e', 'r')
"""

# Of PUBLIC and the roles that the migrations make; a role of the operator's is the operator's matter.
RIGHTS = """
with secured (name, part_of, acl) as (
  select 'outbox', '', coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace n where n.nspname = 'outbox'
  union all
  select 'outbox.' || c.relname, 'outbox.' || c.relname,
    coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r'::"char" end, c.relowner))
  from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox'
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select format('outbox.%s.%s', c.relname, a.attname), format('outbox.%s.%s', c.relname, a.attname), a.attacl
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'outbox'
  join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
  union all
  select f.name, f.name, f.acl
  from pg_namespace n
  join pg_proc p on p.pronamespace = n.oid
  cross join lateral (
    select format('outbox.%s(%s)', p.proname, oidvectortypes(p.proargtypes)),
      coalesce(p.proacl, acldefault('f', p.proowner))
  ) f (name, acl)
  where n.nspname = 'outbox'
)
select
  'right' as kind, format('of %s on %s', coalesce(r.rolname, 'public'), s.name) as name, s.part_of, jsonb_build_object(
    'to', string_agg(lower(x.privilege_type) || case when x.is_grantable then ' and grant' else '' end, ', '
      order by x.privilege_type)
  ) as traits
from secured s
cross join lateral aclexplode(s.acl) x
left join pg_roles r on r.oid = x.grantee
where x.grantee = 0 or r.rolname in ('outbox_producer', 'outbox_worker', 'outbox_reader')
group by s.name, s.part_of, r.rolname
"""

RIGHTS_OF_LATER_TABLES = """
select
  'right' as kind,
  format('of %s on %s to come', coalesce(r.rolname, 'public'), case d.defaclobjtype
    when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' else 'types' end) as name,
  '' as part_of,
  jsonb_build_object('to', string_agg(distinct lower(x.privilege_type), ', ')) as traits
from pg_default_acl d
join pg_namespace n on n.oid = d.defaclnamespace and n.nspname = 'outbox'
cross join lateral aclexplode(d.defaclacl) x
left join pg_roles r on r.oid = x.grantee
where x.grantee = 0 or r.rolname in ('outbox_producer', 'outbox_worker', 'outbox_reader')
group by r.rolname, d.defaclobjtype
"""

QUESTIONS = (
    RELATIONS,
    COLUMNS,
    CONSTRAINTS,
    INDEXES,
    FUNCTIONS,
    TRIGGERS,
    TYPES,
    RIGHTS,
    RIGHTS_OF_LATER_TABLES,
)
