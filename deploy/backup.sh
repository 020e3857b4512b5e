#!/usr/bin/env bash
# Backs up Vestnik's schema, or the whole database, into a folder or a bucket; see docs/backup-restore.md.
set -euo pipefail
umask 077

usage() {
  cat <<'TEXT'
usage: backup.sh [--to WHERE] [--database] [--keep N] [--dry-run]

  --to WHERE   a folder, or s3://BUCKET/PREFIX (with rclone); BACKUP_TO if left out
  --database   the whole database instead of the schema outbox
  --keep N     so many good backups stay, the newest; BACKUP_KEEP if left out, else 14
  --dry-run    say what would be done, and do nothing

The connection comes from DATABASE_URL, from the file that DATABASE_URL_FILE names, or from a systemd credential of
that name. PG_BIN names the folder of pg_dump, pg_restore and psql where they are not on PATH.
Exit code: 0 written and checked, 1 wrong settings or a backup that failed, 2 PostgreSQL or the bucket is out of reach
or refuses its login or key, 3 another backup to the same place is running.
TEXT
}

say() { printf 'backup: %s\n' "$*" >&2; }
end() { # CODE WORDS...
  local code=$1
  shift
  say "$@"
  exit "$code"
}

# ---- settings ------------------------------------------------------------------------------------------------------

to=${BACKUP_TO:-${STATE_DIRECTORY:-}} what=outbox keep=${BACKUP_KEEP:-14} dry_run=
while [ $# -gt 0 ]; do
  case $1 in
    --to | --keep)
      [ $# -gt 1 ] || end 1 "$1 needs a value"
      case $1 in --to) to=$2 ;; --keep) keep=$2 ;; esac
      shift
      ;;
    --database) what=database ;;
    --dry-run) dry_run=yes ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && end 1 "there is no option $1" ;;
  esac
  shift
done
[ -n "$to" ] || end 1 "--to is missing: a folder, or s3://BUCKET/PREFIX"
[[ $keep =~ ^[1-9][0-9]{0,5}$ ]] || end 1 "--keep $keep is no number above 0"

read_url() {
  local file=${DATABASE_URL_FILE:-}
  if [ -n "${DATABASE_URL:-}" ]; then
    url=$DATABASE_URL
    return
  fi
  [ -n "$file" ] || file=${CREDENTIALS_DIRECTORY:+$CREDENTIALS_DIRECTORY/DATABASE_URL}
  if [ -z "$file" ] || [ ! -r "$file" ]; then
    end 1 "DATABASE_URL is not set (nor DATABASE_URL_FILE, nor a credential of that name)"
  fi
  read -r url <"$file" || [ -n "$url" ] || end 1 "$file is empty"
}

unescaped() { # %40 -> @
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

# A command line can be read by everybody on the machine: the password goes to PostgreSQL's programs by PGPASSWORD,
# which only they get, and the rest as a URL.
hide_password() {
  local rest authority user secret
  [[ $url =~ ^postgres(ql)?:// ]] || end 1 "DATABASE_URL is malformed: it must begin with postgresql://"
  [[ ! $url =~ [?\&]pgbouncer=true ]] || end 1 "DATABASE_URL leads to PgBouncer: give the address of PostgreSQL itself"
  [[ ! $url =~ [?\&](ssl)?password= ]] || end 1 "DATABASE_URL has a password behind the ?: write it before the @"
  rest=${url#*://}
  authority=${rest%%[/?]*}
  [[ $authority == *@* ]] || return 0
  user=${authority%@*}
  [[ $user == *:* ]] || return 0
  secret=${user#*:}
  url="${url%%://*}://${user%%:*}@${authority##*@}${rest#"$authority"}"
  password=$(unescaped "$secret")
}

url='' password=''
read_url
unset DATABASE_URL
hide_password

pg() { # PROGRAM ARGUMENTS...
  local program=$1
  shift
  PGPASSWORD=${password:-${PGPASSWORD:-}} PGCONNECT_TIMEOUT=10 "${PG_BIN:+$PG_BIN/}$program" "$@"
}
query() { pg psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$url" "$@"; }

for program in psql pg_dump pg_restore; do
  command -v "${PG_BIN:+$PG_BIN/}$program" >/dev/null ||
    end 1 "${PG_BIN:+$PG_BIN/}$program is missing; on Debian: apt-get install postgresql-client"
done

# ---- where to ------------------------------------------------------------------------------------------------------

# Both kinds of places have the same verbs: prepare (before the lock), tidy (behind it), put, list, remove.
case $to in
  s3://?*)
    command -v rclone >/dev/null || end 1 "rclone is missing, which $to needs; on Debian: apt-get install rclone"
    remote=":s3:${to#s3://}"
    remote=${remote%/}
    # from the environment, from ~/.aws, or from the machine's own role
    export RCLONE_S3_ENV_AUTH=true RCLONE_S3_NO_CHECK_BUCKET=true RCLONE_CONFIG=${RCLONE_CONFIG:-/dev/null}
    if [ -r "${CREDENTIALS_DIRECTORY:-/nowhere}/AWS_CREDENTIALS" ]; then
      export AWS_SHARED_CREDENTIALS_FILE=$CREDENTIALS_DIRECTORY/AWS_CREDENTIALS
    fi
    folder=${TMPDIR:-/var/tmp}
    prepare() {
      locked=$folder/vestnik-backup.$(printf '%s' "$to" | sha256sum | cut -c1-16).lock
    }
    tidy() { :; } # what lies there unfinished may be another machine's that is at it
    # An object appears whole or not at all; what arrived is read back and compared.
    put() {
      local sum
      rclone --log-level ERROR copyto "$work/$1" "$remote/$1" || end 2 "$to/$1 cannot be written"
      sum=$(rclone --log-level ERROR cat "$remote/$1" | sha256sum | cut -d' ' -f1) || end 2 "$to/$1 cannot be read"
      [ "$sum" = "$(sha256sum <"$work/$1" | cut -d' ' -f1)" ] || end 1 "$to/$1 is not what was written"
    }
    list() { rclone --log-level ERROR lsf --files-only --max-depth 1 "$remote/" || end 2 "$to cannot be listed"; }
    remove() { rclone --log-level ERROR deletefile "$remote/$1"; }
    ;;
  *://*) end 1 "--to $to is neither a folder nor s3://BUCKET/PREFIX" ;;
  *)
    folder=$to
    prepare() {
      [ -d "$to" ] || mkdir -p "$to" || end 1 "$to cannot be made"
      locked=$to/.lock
    }
    tidy() { rm -rf "$to"/.vestnik-backup.*; } # of one that was killed
    put() {
      sync "$work/$1"
      mv "$work/$1" "$to/$1"
      sync "$to"
    }
    list() { find "$to" -maxdepth 1 -type f -printf '%f\n'; }
    remove() { rm -f "$to/$1"; }
    ;;
esac

# ---- the steps -----------------------------------------------------------------------------------------------------

look_at_versions() {
  local server client
  server=$(query --command='show server_version_num') || end 2 "PostgreSQL is out of reach, or refuses DATABASE_URL"
  client=$(pg pg_dump --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
  [ "$client" -ge $((server / 10000)) ] ||
    end 1 "pg_dump $client cannot dump a PostgreSQL $((server / 10000)): install that client, or name its folder in PG_BIN"
  [ "$(query --command="select to_regclass('outbox.migration') is not null")" = t ] ||
    end 1 "this database has no schema outbox with tables of Vestnik's"
}

dump() {
  local only=(--schema=outbox)
  [ "$what" = outbox ] || only=()
  pg pg_dump --no-password --format=custom --lock-wait-timeout=60s "${only[@]}" --file="$work/$name.dump" \
    --dbname="$url" || end 1 "pg_dump failed; what was there before is untouched"
}

# Roles belong to the cluster and are in no dump. Logins of your own are not made: their passwords are yours to set.
ROLES="
select line from (
select 1 as step, 'do \$\$ begin if to_regrole(' || quote_literal(r) || ') is null then create role ' || quote_ident(r) || '; end if; end \$\$;' as line
from unnest(array['outbox_producer', 'outbox_worker', 'outbox_reader']) r
union all
select 2, 'do \$\$ begin if to_regrole(' || quote_literal(quote_ident(m.rolname)) || ') is not null then grant ' || quote_ident(g.rolname)
  || ' to ' || quote_ident(m.rolname) || '; end if; end \$\$;'
from pg_auth_members a join pg_roles g on g.oid = a.roleid join pg_roles m on m.oid = a.member
where g.rolname in ('outbox_producer', 'outbox_worker', 'outbox_reader')
) lines order by step, line"
write_roles() { query --command="$ROLES" >"$work/$name.roles.sql" || end 2 "the roles cannot be read"; }

# Rights of tables to come are an owner's own, and only a superuser may restore another one's: whoever owns the schema
# after a restore gives them anew with these.
write_owner() {
  pg pg_restore --list "$work/$name.dump" | sed -n '/ DEFAULT ACL outbox /p' >"$work/defaults"
  pg pg_restore --use-list="$work/defaults" --file=- "$work/$name.dump" |
    sed -n 's/^ALTER DEFAULT PRIVILEGES FOR ROLE .* IN SCHEMA outbox /alter default privileges in schema outbox /p' \
      >"$work/$name.owner.sql"
}

# A list of contents shows that the head is whole; only reading every row shows that the rest is.
check() {
  pg pg_restore --list "$work/$name.dump" | grep ' TABLE DATA outbox event ' >/dev/null ||
    end 1 "the dump does not hold outbox.event"
  pg pg_restore --file=/dev/null "$work/$name.dump" || end 1 "the dump cannot be read to its end"
}

sum_up() { (cd "$work" && sha256sum "$name.dump" "$name.roles.sql" "$name.owner.sql" >"$name.sha256"); }

# A backup counts as good once its .sha256 is there, which is written last and taken away first.
good() { list | sed -n "s/^\(vestnik-$what-[0-9]\{8\}T[0-9.]\{10\}Z\)\.sha256\$/\1/p" | sort -r; }

store() {
  local kind
  for kind in dump roles.sql owner.sql sha256; do
    placed+=("$name.$kind")
    put "$name.$kind"
  done
  placed=()
}

prune() {
  local old kind
  good | tail -n "+$((keep + 1))" | while read -r old; do
    for kind in sha256 owner.sql roles.sql dump; do
      remove "$old.$kind" || end 1 "$old.$kind cannot be removed; the new backup is good"
    done
    say "removed $old"
  done
}

look_at_versions
if [ -n "$dry_run" ]; then
  say "would write $to/vestnik-$what-TIME.dump, and keep the newest $keep"
  exit 0
fi
work='' locked='' placed=()
leave() { # nothing that is half done stays
  local file
  for file in "${placed[@]}"; do remove "$file" || true; done
  [ -z "$work" ] || rm -rf "$work"
}
trap leave EXIT
trap 'exit 1' INT TERM HUP
prepare
exec 9>>"$locked" || end 1 "$locked cannot be written"
flock --nonblock 9 || end 3 "another backup to $to is running"
tidy
work=$(mktemp -d "$folder/.vestnik-backup.XXXXXX") || end 1 "$folder cannot be written into"
name=vestnik-$what-$(date -u +%Y%m%dT%H%M%S.%3NZ)
dump
check
write_roles
write_owner
sum_up
size=$(stat --format=%s "$work/$name.dump")
store
prune
say "wrote $to/$name.dump, $size bytes"
