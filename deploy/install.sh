#!/usr/bin/env bash
# Installs Vestnik under systemd, upgrades it, and puts the version before in use again. docs/install.md is its manual.
set -euo pipefail
umask 022

usage() {
  cat <<'TEXT'
usage: install.sh [--from PATH] [--python PROGRAM] [--pip-args ARGS] [--root FOLDER] [--dry-run]
       install.sh --rollback [--root FOLDER] [--dry-run]

  --from PATH       what to install: a wheel or a checkout of this version; by default the checkout of this script
  --python PROGRAM  the Python that runs it, 3.11 or newer; by default /usr/bin/python3
  --pip-args ARGS   more arguments for pip, between blanks: '--no-index --find-links /media/wheels'
  --rollback        put the version before in use again
  --dry-run         print what would change, and change nothing
  --root FOLDER     work on the system in that folder, in which no systemd runs
  --help            print this

exit codes: 0 done, or nothing to change; 1 refused, nothing has changed; 2 not understood, nothing has changed;
  3 the new version cannot be built or does not run: the old one stays in use; 4 its migrations failed: the old one
  is in use again; 5 a service did not come up with it: see its journal, mend it and run again, or --rollback
TEXT
}

end() { # CODE MESSAGE
  echo "install.sh: $2" >&2
  exit "$1"
}

from='' python=/usr/bin/python3 pip_args='' root='' dry='' rollback=''
while [ $# -gt 0 ]; do
  case $1 in
    --from | --python | --pip-args | --root)
      [ $# -gt 1 ] || end 2 "$1 needs a value; --help lists the options"
      case $1 in
        --from) from=$2 ;;
        --python) python=$2 ;;
        --pip-args) pip_args=$2 ;;
        --root) root=$(realpath -- "$2") ;;
      esac
      shift 2
      ;;
    --dry-run) dry=yes && shift ;;
    --rollback) rollback=yes && shift ;;
    --help) usage && exit 0 ;;
    *) end 2 "unknown option $1; --help lists them" ;;
  esac
done
[ -z "$rollback" ] || [ -z "$from$pip_args" ] || end 2 "--rollback builds nothing: leave --from and --pip-args out"

here=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
opt=$root/opt/vestnik etc=$root/etc/vestnik
HIDDEN='^/(root|home|run/user)(/|$)' # from the services: ProtectHome=
START_WITHIN_S=120                   # PostgreSQL and Redis are there in an upgrade; a start takes seconds
SHARE=share/vestnik
WHOLE='import inapp.api, telegram.bot, workers.worker.watch; from outbox.schema.migration import migrations; assert migrations()'
changes=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

change() { # WHAT COMMAND...: say it, and do it unless this is a dry run
  changes=$((changes + 1))
  echo "${dry:+would }$1"
  [ -n "$dry" ] || "${@:2}"
}

# --- what is refused

check_machine() {
  [ -n "$dry" ] || [ "$(id -u)" = 0 ] || end 1 "only root can install; --dry-run shows what would change"
  [ -z "$root" ] || return 0
  [ -d /run/systemd/system ] || end 1 "systemd does not run here"
  local version
  version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  [ "$version" -ge 252 ] || end 1 "systemd is $version; the units need 252 or newer"
}

check_python() {
  command -v "$python" >/dev/null || end 1 "there is no $python; name a Python 3.11 or newer with --python"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    end 1 "$python is $("$python" -V); Vestnik needs 3.11 or newer: name one with --python"
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    end 1 "$python has no venv module; on Debian: apt-get install python3-venv"
  local prefix
  prefix=$("$python" -c 'import sys; print(sys.base_prefix)')
  [[ ! $prefix =~ $HIDDEN ]] || end 1 "$python lives in $prefix, which the services cannot see: name another with --python"
}

link_target() { # NAME: the folder that a link in $opt names, or nothing
  local target
  [ -e "$opt/$1" ] || [ -L "$opt/$1" ] || return 0
  target=$(readlink -- "$opt/$1") || end 1 "$opt/$1 is not the link that this script makes: move it away"
  [ "${target%/*}" = /opt/vestnik ] || [ "${target##*/}" = "$target" ] ||
    end 1 "$opt/$1 points to $target, outside of /opt/vestnik: move it away"
  [ -x "$opt/${target##*/}/bin/vestnik" ] || end 1 "$opt/$1 points to $target, which has no bin/vestnik: move it away"
  echo "${target##*/}"
}

check_secrets() {
  [ -r "$etc/secrets" ] || return 0
  local open
  open=$(find "$etc/secrets" -type f \( -perm /077 -o ! -user 0 \) -print | sort | tr '\n' ' ')
  [ -z "$open" ] || end 1 "others than root may read ${open% }: chown root and chmod 600"
}

# --- the files that belong to a version: units, sysusers.d, tmpfiles.d

files_of() { # FOLDER: each of its files and where it goes
  local file
  for file in "$1"/*.{service,timer,target,socket,path,slice}; do
    [ ! -f "$file" ] || echo "$file $root/etc/systemd/system/${file##*/}"
  done
  for file in "$1"/{sysusers,tmpfiles}.d/*.conf; do
    [ ! -f "$file" ] || echo "$file $root/etc/${file#"$1"/}"
  done
}

check_files() { # NEW OLD
  local file place changed=''
  while read -r file place; do
    [ ! -e "$place" ] || cmp -s "$file" "$place" || cmp -s "$2/${file#"$1"/}" "$place" || changed+=" $place"
  done < <(files_of "$1")
  [ -z "$changed" ] || end 1 "changed by hand:$changed: put the changes into a drop-in (systemctl edit UNIT) and move the file away"
}

install_files() { # NEW OLD
  local file place unit
  [ -d "$1" ] || return 0 # a version from before this script: its units are not known
  while read -r file place; do
    cmp -s "$file" "$place" || change "write $place" install -D -m 0644 "$file" "$place"
  done < <(files_of "$1")
  while read -r file place; do
    if [ -e "$1/${file#"$2"/}" ] || ! cmp -s "$file" "$place"; then continue; fi
    unit=${place##*/}
    [ -n "$root" ] || [[ $unit = *@* ]] || change "stop $unit" systemctl disable --quiet --now "$unit"
    change "remove $place, which is no part of this version" rm "$place"
  done < <(files_of "$2")
}

# --- a version: a virtual environment, complete when its last file is there

prepare_source() { # sets source, version, name
  local path=${from:-$here} given
  [ -f "$here/pyproject.toml" ] || end 1 "$here is no checkout of Vestnik: run the script of the checkout"
  version=$(version_of "$here")
  if [[ -f $path && $path = *.whl ]]; then
    given=$(basename -- "$path") && given=${given#vestnik-} given=${given%%-*} source=$(realpath -- "$path")
  elif [ -f "$path/pyproject.toml" ]; then
    # a copy, since a build leaves its traces, and what an earlier one has left would be built in
    given=$(version_of "$path") source=$scratch/source
    mkdir "$source"
    # files by name: tar ends with an error when anything appears in a folder that it reads as a whole
    (cd -- "$path" && find . \( -path './.*' -o -path ./build -o -path ./dist -o -path ./tests -o -path ./docs \
      -o -name '*.egg-info' -o -name __pycache__ \) -prune -o -type f -print0 |
      tar --null --no-recursion -T - -cf -) | tar -C "$source" --no-same-owner -xf -
  else
    end 1 "$path is neither a wheel nor a checkout of Vestnik"
  fi
  [ "$given" = "$version" ] || end 1 "$path is version $given, these units belong to $version: run the script of that version"
  name=$version-$(fingerprint)
}

version_of() { # CHECKOUT
  sed -n 's/^version = "\([0-9][0-9A-Za-z.]*\)"$/\1/p' "$1/pyproject.toml"
}

fingerprint() { # 8 digits that differ when anything of it does: two states of one version have two folders
  local path
  {
    for path in "$source" "$here/constraints.txt" "$here/deploy/systemd" "$here"/deploy/*.sh; do
      find "$path" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | cut -d' ' -f1
    done
    "$python" -VV
  } | sha256sum | cut -c1-8
}

build() { # fills $opt/$name
  local folder=$opt/$name script
  rm -rf "$folder"
  "$python" -m venv "$folder" || return
  # shellcheck disable=SC2086 # several arguments in one
  "$folder/bin/python" -m pip --disable-pip-version-check install --quiet --no-input \
    --constraint "$here/constraints.txt" $pip_args "$source" || return
  [ "$(cd / && "$folder/bin/vestnik" --version)" = "$version" ] || return
  (cd / && "$folder/bin/python" -c "$WHOLE") || return
  for script in "$here"/deploy/*.sh; do
    install -m 0755 "$script" "$folder/bin/vestnik-$(basename "$script" .sh)" || return
  done
  mkdir -p "$folder/$SHARE" && cp -r "$here/deploy/systemd" "$folder/$SHARE/" && touch "$folder/$SHARE/complete"
}

ensure_built() {
  [ ! -e "$opt/$name/$SHARE/complete" ] || return 0
  if ! change "build $opt/$name with $("$python" -V)" build; then
    rm -rf "${opt:?}/$name"
    end 3 "$version cannot be built or does not run (see above); nothing else has changed"
  fi
}

point() { # LINK NAME: in one step, so that there is a version at every moment
  ln -sfn "$2" "$opt/$1.new"
  mv -T "$opt/$1.new" "$opt/$1"
}

switch() { # NEW OLD
  [ "$1" != "$2" ] || return 0
  [ -z "$2" ] || change "keep $2 for --rollback" point previous "$2"
  change "use $1" point current "$1"
}

remove_old() {
  local kept folder
  kept=" $(link_target current) $(link_target previous) $name "
  for folder in "$opt"/*/; do
    folder=${folder%/}
    if [ ! -e "$folder/$SHARE/complete" ] || [ -L "$folder" ] || [[ $kept = *" ${folder##*/} "* ]]; then continue; fi
    change "remove $folder" rm -rf "$folder"
  done
}

# --- the machine's own: user, folders, settings

ensure_user() {
  grep -qs '^vestnik:' "$root/etc/passwd" || change "make the user vestnik" systemd-sysusers ${root:+--root="$root"} vestnik.conf
}

ensure_folders() {
  local type path mode user id missing=''
  while read -r type path mode user _; do
    [[ $type = d* ]] || continue
    id=$(sed -n "s/^$user:[^:]*:\([0-9]*\):.*/\1/p" "$root/etc/passwd" 2>/dev/null) || true
    [ "$(stat -c '%04a %u' "$root$path" 2>/dev/null)" = "$mode ${id:-0}" ] || missing+=" $root$path"
  done < <(cat "$here"/deploy/systemd/tmpfiles.d/*.conf)
  [ -z "$missing" ] || change "make or mend$missing" systemd-tmpfiles ${root:+--root="$root"} --create vestnik.conf
}

ensure_settings() { # an operator's files are never written over
  local file
  for file in "$here"/deploy/systemd/*.env; do
    [ -e "$etc/${file##*/}" ] || change "write $etc/${file##*/}" install -m 0644 "$file" "$etc/"
  done
  [ -e "$etc/catalog" ] ||
    change "write $etc/catalog, an example" cp -r --no-preserve=mode "$here/workers/demo/marketplace/catalog" "$etc/catalog"
}

# --- what runs

others_than() { # NAME: services that stay and run another version; a process works in the folder of its own
  local unit pid
  while read -r unit _; do
    [ "$(systemctl show -P Type "$unit")" != oneshot ] || continue
    pid=$(systemctl show -P MainPID "$unit")
    [ "$pid" = 0 ] || [ "$(readlink "/proc/$pid/cwd")" = "/opt/vestnik/$1" ] || echo "$unit"
  done < <(systemctl list-units --plain --no-legend 'vestnik-*.service')
}

restart_others() { # NAME: one after the other, so that the rest goes on meanwhile
  local unit
  for unit in $(others_than "$1"); do
    change "restart $unit" timeout "$START_WITHIN_S" systemctl try-restart "$unit" ||
      end 5 "$unit did not come up with $1: $(systemctl show -P StatusText "$unit"); journalctl -u $unit has more"
  done
}

migrate_first() { # NEW OLD
  [ -n "$2" ] && [ "$1" != "$2" ] || return 0
  [ -n "$(others_than "$1")" ] || systemctl is-active --quiet vestnik-migrate.service || return 0
  change "migrate" systemctl restart vestnik-migrate.service && return 0
  echo "put $2 in use again"
  point current "$2"
  install_files "$opt/$2/$SHARE/systemd" "$opt/$1/$SHARE/systemd"
  systemctl daemon-reload
  end 4 "the migrations of $1 failed: journalctl -u vestnik-migrate; $2 is in use and nothing was restarted"
}

reload() {
  [ -n "$dry" ] || systemctl daemon-reload
}

install_version() {
  local old
  check_python
  prepare_source
  old=$(link_target current)
  link_target previous >/dev/null
  check_files "$here/deploy/systemd" "$opt/$old/$SHARE/systemd"
  check_secrets
  [ -d "$opt" ] || change "make $opt" mkdir -p "$opt"
  lock
  ensure_built
  install_files "$here/deploy/systemd" "$opt/$old/$SHARE/systemd"
  ensure_user
  ensure_folders
  ensure_settings
  switch "$name" "$old"
  if [ -z "$root" ]; then
    reload
    migrate_first "$name" "$old"
    restart_others "$name"
  fi
  remove_old
  [ -n "$old" ] || echo "next: the secrets in $etc/secrets and $etc/vestnik.env, then start it (docs/install.md)"
}

roll_back() {
  local old
  old=$(link_target current)
  name=$(link_target previous)
  [ -n "$name" ] || end 1 "there is no version before this one in $opt"
  check_files "$opt/$name/$SHARE/systemd" "$opt/$old/$SHARE/systemd"
  lock
  install_files "$opt/$name/$SHARE/systemd" "$opt/$old/$SHARE/systemd"
  switch "$name" "$old"
  echo "the schema stays as it is: migrations only add, and $name runs on it"
  if [ -z "$root" ]; then
    reload
    restart_others "$name"
  fi
}

lock() {
  [ -n "$dry" ] || { exec 9<"$opt" && flock -n 9; } || end 1 "another run of this script is at work"
}

check_machine
if [ -n "$rollback" ]; then roll_back; else install_version; fi
[ "$changes" -gt 0 ] || echo "nothing to change: ${name:-} is installed and in use"
