#!/usr/bin/env bash
# eim-pxe on a box of its own, with systemd: from nothing to machines that boot, by one command.
#
#   install.sh install    [settings]        what is missing is installed, what is there stays; safe to run again
#   install.sh diff       [settings]        what install would change; changes nothing
#   install.sh upgrade    [settings]        another version of the program; goes back to the former one where it does not start
#   install.sh uninstall  [--keep-data]     everything that install brought goes away; with --keep-data leases and mirror stay
#   install.sh make-bundle FILE [settings]  one file with everything, for a box without any registry: --offline FILE
#
# Settings, as flags or in eim-pxe.env beside this script (or --env FILE), which has them in capitals (ORIGIN=…):
#   --origin URL|DOMAIN  the orchestrator          --interface NAME   the machines' link
#   --mode proxy|full    --pool FIRST-LAST         --ca-file FILE     --ca-url URL     --ca-sha256 HEX
#   --package FILE       eim-pxe-VERSION.tgz (default: the one beside this script)
#   --node FILE          a Node of nodejs.org (default: this system's, else Debian's package)
#   --loaders FOLDER     iPXE loaders (default: those beside this script, else Debian's package ipxe)
#   --offline FILE       take all of these from a bundle
#   --patience SECONDS   how long the first synchronisation may take (default: 900)
#   --without-start      install only; do not start the service
#
# Into a Kubernetes cluster: install.sh --kubernetes --help
#
# Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 installed, but no machine could boot yet.
set -euo pipefail

readonly home=/opt/eim-pxe command_file=/usr/local/bin/eim-pxe
readonly config_dir=/etc/eim-pxe config_file=/etc/eim-pxe/eim-pxe.yaml
readonly unit=/etc/systemd/system/eim-pxe.service socket_unit=/etc/systemd/system/eim-pxe.socket
readonly loader_dir=/usr/share/eim-pxe
readonly data_dirs=(/var/lib/eim-pxe /var/lib/private/eim-pxe)
# apt's notes on which packages came with others.
readonly apt_marks=/var/lib/apt/extended_states
readonly log_file=${EIM_PXE_INSTALL_LOG:-/var/log/eim-pxe-install.log}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

# Into a cluster, by kubectl: a script of its own.
if [[ " $* " == *" --kubernetes "* ]]; then
  words=()
  for word in "$@"; do [ "$word" = --kubernetes ] || words+=("$word"); done
  exec "$here/install-kubernetes.sh" "${words[@]}"
fi

dry=false changes=0 work=''
verb=${1:-}
declare -A setting=([patience]=900)
bundle_target='' keep_data=false start=true

say() { printf '%s\n' "$*"; log "$*"; }
log() { if ! $dry && [ -w "$(dirname "$log_file")" ]; then printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >>"$log_file"; fi; }
fail() { say "install.sh: $1" >&2; exit "${2:-1}"; }
usage() { sed -n '2,/^set -euo/p' "${BASH_SOURCE[0]}" | sed '$d;s/^# \{0,1\}//'; }

# Tells a change; in diff that is all, so what follows has to be behind `&& ! $dry` or in `apply`.
change() { changes=$((changes + 1)); if $dry; then printf 'would %s\n' "$*"; else say "$*"; fi; }
apply() { if ! $dry; then "$@"; fi; }

read_settings() {
  local env_file="$here/eim-pxe.env" name value
  local -a words=("$@")
  for ((i = 0; i < ${#words[@]}; i++)); do
    if [ "${words[i]}" = --env ]; then env_file=${words[i + 1]:-}; [ -r "$env_file" ] || fail "--env ${env_file}: cannot be read" 2; fi
  done
  if [ -r "$env_file" ]; then
    while IFS='=' read -r name value; do
      [[ $name =~ ^[A-Z_0-9]+$ ]] || continue
      value=${value%$'\r'}; value=${value#[\"\']}; value=${value%[\"\']}
      name=${name,,}
      setting[${name//_/-}]=$value
    done <"$env_file"
    # As the orchestrator's own scripts call it.
    [ -n "${setting[origin]:-}" ] || setting[origin]=${setting[domain]:-}
  fi
  while [ $# -gt 0 ]; do
    case $1 in
      --origin | --interface | --mode | --pool | --ca-file | --ca-url | --ca-sha256 | --package | --node | --loaders | --offline | --patience)
        [ $# -ge 2 ] || fail "$1 wants a value" 2
        setting[${1#--}]=$2; shift ;;
      --env) shift ;;
      --keep-data) keep_data=true ;;
      --without-start) start=false ;;
      -*) fail "$1 is no setting; see install.sh --help" 2 ;;
      *) if [ "$verb" = make-bundle ] && [ -z "$bundle_target" ]; then bundle_target=$1; else fail "$1 is not understood; see install.sh --help" 2; fi ;;
    esac
    shift
  done
  [[ ${setting[patience]} =~ ^[0-9]+$ ]] || fail "--patience must be a number of seconds" 2
}

finish() { local code=$?; [ -z "$work" ] || rm -rf "$work"; exit "$code"; }
trap finish EXIT

need_root() { [ "$(id -u)" = 0 ] || fail "$verb has to be run as root: sudo $0 $verb"; }
need_systemd() { [ -d /run/systemd/system ] || fail "systemd does not run here; in a container use docker/compose.yaml"; }

# What can be seen before anything is installed.
check_box() {
  local link=${setting[interface]:-} host=${setting[origin]:-} present='' name
  if [ -e "$config_file" ]; then return 0; fi
  # Not of /sys: in a container it may show the host's.
  present=$(sed -n 's/^ *\([^ :]*\):.*/\1/p' /proc/net/dev | tr '\n' ' ')
  if [ -n "$link" ] && [[ " $present" != *" $link "* ]]; then
    fail "--interface ${link}: there is no such interface here; there are: $present" 2
  fi
  if [ -n "$link" ] && command -v ip >/dev/null && [ -z "$(ip -4 -o addr show dev "$link" scope global)" ]; then
    fail "$link has no IPv4 address, and machines are told to ask it: give it a fixed one on their network, such as: ip addr add 192.168.77.10/24 dev $link"
  fi
  [ -n "$host" ] || return 0
  host=${host#*://}; host=${host%%[/:]*}
  # Of a bare domain these are the orchestrator's usual names.
  for name in "$host" "tinkerbell-haproxy.$host" "tinkerbell-nginx.$host"; do
    if getent ahosts "$name" >/dev/null; then return 0; fi
  done
  say "The name $host is not known here. Installing goes on, but nothing can be fetched until it is: mend this box's name service (/etc/resolv.conf), or put the orchestrator's address into /etc/hosts."
}

# Where the package, Node and loaders come from.
open_sources() {
  work=$(mktemp -d)
  source_dir=$here
  if [ -n "${setting[offline]:-}" ]; then
    [ -r "${setting[offline]}" ] || fail "--offline ${setting[offline]}: cannot be read" 2
    source_dir=$work/bundle
    mkdir -p "$source_dir"
    tar -xzf "${setting[offline]}" -C "$source_dir" || fail "--offline ${setting[offline]} is no bundle of install.sh make-bundle"
    (cd "$source_dir" && sha256sum --quiet -c SHA256SUMS) || fail "the bundle ${setting[offline]} is damaged: bring it here again"
  fi
  package=${setting[package]:-}
  if [ -z "$package" ]; then
    local -a found=("$source_dir"/eim-pxe-*.tgz)
    [ -e "${found[0]}" ] || fail "there is no eim-pxe-VERSION.tgz beside this script: name one with --package, or make one with npm pack"
    package=$(printf '%s\n' "${found[@]}" | sort -V | tail -n 1)
  fi
  [ -r "$package" ] || fail "--package ${package}: cannot be read" 2
  node_file=${setting[node]:-}
  if [ -z "$node_file" ] && [ -x "$source_dir/node" ]; then node_file=$source_dir/node; fi
  loaders=${setting[loaders]:-}
  if [ -z "$loaders" ] && [ -d "$source_dir/loaders" ]; then loaders=$source_dir/loaders; fi
}

node_fits() { "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; }

# apt with lists and archives of its own, so that the system's stay as they are.
own_apt=()
use_own_apt() {
  own_apt=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o DPkg::Lock::Timeout=300)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  # apt downloads as a user of its own.
  chmod 755 "$work"
}

# Packages are known after this.
read_package_lists() {
  if [ ${#own_apt[@]} -gt 0 ]; then return 0; fi
  use_own_apt
  apt-get "${own_apt[@]}" -qq update >>"$log_file" 2>&1 ||
    fail "Debian's package lists could not be fetched: see $log_file; without a registry use --offline"
}

add_package() {
  if dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; then return; fi
  [ -z "${setting[offline]:-}" ] || fail "$1 is missing here and in the bundle: make the bundle anew with it"
  change "install Debian's package $1"
  if $dry; then return; fi
  local before after
  read_package_lists
  before=$(dpkg-query -W -f '${Package}\n' | sort)
  DEBIAN_FRONTEND=noninteractive apt-get "${own_apt[@]}" -qq install -y --no-install-recommends "$1" >>"$log_file" 2>&1 ||
    fail "Debian's package $1 could not be installed: see $log_file; without a registry use --offline"
  after=$(dpkg-query -W -f '${Package}\n' | sort)
  mkdir -p "$home"
  comm -13 <(printf '%s\n' "$before") <(printf '%s\n' "$after") >>"$home/packages"
}

# Once, before anything is installed: what uninstall must leave.
remember_what_was_there() {
  local dir
  if [ -e "$home/was-there" ] || [ -e "$home/package.sha256" ]; then return; fi
  mkdir -p "$home"
  for dir in "$config_dir" "$loader_dir" "${data_dirs[@]}" "$apt_marks"; do
    if [ -e "$dir" ]; then printf '%s\n' "$dir"; fi
  done >"$home/was-there"
}

# A file that is about to be put into a folder that may have been there before.
brings() { if ! $dry && [ ! -e "$1" ]; then printf '%s\n' "$1" >>"$home/files"; fi; }

same() { [ -e "$2" ] && cmp -s "$1" "$2"; }

put_node() {
  if [ -n "$node_file" ]; then
    node_fits "$node_file" || fail "$node_file does not run here, or is older than 20.19: take one for this system from https://nodejs.org/en/download"
    node=$home/node
    same "$node_file" "$node" && return
    change "copy Node $("$node_file" --version) to $node"
    node_changed=true
    if $dry; then return; fi
    install -D -m 755 "$node_file" "$node.new"
    rm -f "$node.old"
    [ ! -e "$node" ] || mv "$node" "$node.old"
    mv "$node.new" "$node"
    return
  fi
  if [ -x "$home/node" ]; then node=$home/node; return; fi
  node=$(command -v node || true)
  if [ -n "$node" ] && node_fits "$node"; then return; fi
  local candidate
  if ! $dry && [ -z "${setting[offline]:-}" ]; then read_package_lists; fi
  candidate=$(apt-cache "${own_apt[@]}" policy nodejs 2>/dev/null | sed -n 's/^ *Candidate: \([0-9]*\)\..*/\1/p')
  if [ -n "$candidate" ] && [ "$candidate" -lt 20 ]; then
    fail "this system's package of Node is of version $candidate, and 20.19 is needed: give one of nodejs.org by --node FILE, or use a bundle"
  fi
  add_package nodejs
  node=/usr/bin/node
  $dry || node_fits "$node" || fail "the Node that Debian installed is too old: give one of nodejs.org by --node FILE"
}

# What belongs to the program and is not in the package: koffi, which is machine code, and the encoders of
# telemetry.otlp (all that those need has the same owner). A bundle has them, and a checkout after `npm ci`; else those
# of the version before stay.
optional_modules() {
  local from='' name
  if [ -d "$source_dir/koffi" ]; then from=$source_dir/koffi
  elif [ "$here" -ef "$here/../docker" ]; then from=$here/../node_modules
  else from=$home/app/node_modules; fi
  if [ -d "$from/koffi" ]; then printf '%s\n' "$from/koffi"; fi
  for name in "$from"/@koromix/koffi-* "$from"/@opentelemetry/*; do if [ -d "$name" ]; then printf '%s\n' "$name"; fi; done
}

# A module's name: the folder, with its owner's before it.
module_name() { case $1 in */@*) printf '%s\n' "@${1##*/@}" ;; *) basename "$1" ;; esac; }

# Copies MODULE… into FOLDER; what is there stays.
copy_modules() {
  local folder=$1 module target
  shift
  for module in "$@"; do
    target=$folder/$(module_name "$module")
    if [ -d "$target" ]; then continue; fi
    mkdir -p "$target"
    cp -R "$module/." "$target/"
  done
}

lacks_module() {
  local module
  for module in "$@"; do if [ ! -d "$home/app/node_modules/$(module_name "$module")" ]; then return 0; fi; done
  return 1
}

# The program as it was packed, with all that it needs; another version is put in its place as a whole.
put_program() {
  local sum
  local -a modules=()
  sum=$(sha256sum "$package" | cut -d' ' -f1)
  mapfile -t modules < <(optional_modules)
  if [ "$(cat "$home/package.sha256" 2>/dev/null)" = "$sum" ] && [ -e "$home/app/dist/cli.js" ] && ! lacks_module "${modules[@]}"; then return; fi
  change "put $(basename "$package") into $home/app"
  program_changed=true
  if $dry; then return; fi
  rm -rf "$home/app.new"
  mkdir -p "$home/app.new"
  tar -xzf "$package" -C "$home/app.new" --strip-components=1 --no-same-owner || fail "$package is no package of eim-pxe"
  [ -e "$home/app.new/dist/cli.js" ] || fail "$package is no package of eim-pxe"
  copy_modules "$home/app.new/node_modules" "${modules[@]}"
  chown -R root:root "$home/app.new"
  chmod -R u+rwX,go+rX,go-w "$home/app.new"
  rm -rf "$home/app.old" "$home/package.sha256.old"
  [ ! -d "$home/app" ] || mv "$home/app" "$home/app.old"
  [ ! -e "$home/package.sha256" ] || mv "$home/package.sha256" "$home/package.sha256.old"
  mv "$home/app.new" "$home/app"
  printf '%s\n' "$sum" >"$home/package.sha256"
}

put_text() { # FILE MODE, the text on standard input
  local text
  text=$(cat)
  if [ "$(cat "$1" 2>/dev/null)" = "$text" ]; then return 1; fi
  change "write $1"
  if $dry; then return 0; fi
  mkdir -p "$(dirname "$1")"
  printf '%s\n' "$text" >"$1.new"
  chmod "$2" "$1.new"
  mv "$1.new" "$1"
}

put_command() {
  put_text "$command_file" 755 <<END || true
#!/bin/sh
# Written by eim-pxe's install.sh.
exec $node $home/app/dist/cli.js "\$@"
END
}

put_loaders() {
  local file target
  if [ -n "$loaders" ]; then
    [ -d "$loaders" ] || fail "--loaders ${loaders}: is no folder" 2
    for file in "$loaders"/*; do
      target=$loader_dir/loaders/$(basename "$file")
      same "$file" "$target" && continue
      change "copy $(basename "$file") to $loader_dir/loaders"
      brings "$target"
      apply install -D -m 644 "$file" "$target"
    done
    return
  fi
  if [ -e "$loader_dir/loaders/ipxe.efi" ] || [ -e /usr/lib/ipxe/ipxe.efi ]; then return; fi
  add_package ipxe
}

put_configuration() {
  if [ -e "$config_file" ]; then return; fi
  local -a words=(--yes --output "$config_file")
  local key
  if [ -n "${setting[ca-file]:-}" ]; then
    [ -r "${setting[ca-file]}" ] || fail "--ca-file ${setting[ca-file]}: cannot be read" 2
    change "copy the CA to $config_dir/orchestrator-ca.pem"
    brings "$config_dir/orchestrator-ca.pem"
    apply install -D -m 644 "${setting[ca-file]}" "$config_dir/orchestrator-ca.pem"
    words+=(--ca-file "$config_dir/orchestrator-ca.pem")
  fi
  for key in origin interface mode pool ca-url ca-sha256; do
    [ -z "${setting[$key]:-}" ] || words+=("--$key" "${setting[$key]}")
  done
  change "write $config_file by eim-pxe init"
  if $dry; then return; fi
  brings "$config_file"
  "$command_file" init "${words[@]}" 2>&1 | tee -a "$log_file" || fail "eim-pxe init could not write $config_file"
}

put_unit() {
  local from=$home/app/docker/systemd/eim-pxe.service
  if $dry && [ ! -e "$from" ]; then change "write $unit"; unit_changed=true; return; fi
  if put_text "$unit" 644 <"$from"; then unit_changed=true; apply systemctl daemon-reload; fi
}

start_service() {
  if ! $start; then return; fi
  if ! systemctl is-enabled --quiet eim-pxe 2>/dev/null; then change "enable eim-pxe"; apply systemctl enable --quiet eim-pxe 2>/dev/null; fi
  if ! systemctl is-active --quiet eim-pxe 2>/dev/null; then
    change "start eim-pxe"
    apply systemctl start eim-pxe || return 1
  elif $program_changed || $node_changed || $unit_changed; then
    change "restart eim-pxe"
    apply systemctl restart eim-pxe || return 1
  fi
}

# The orchestrator may still be building its files: 5 to 15 minutes after its start.
first_synchronisation() {
  local began=$SECONDS
  if ! grep -qE '^ *origin:' "$config_file"; then say "No orchestrator is named yet: write artifacts.origin into $config_file"; return 0; fi
  # A generation is there already.
  if [ -n "$(ls /var/lib/private/eim-pxe/artifacts/generations 2>/dev/null)" ]; then return 0; fi
  until "$command_file" sync >>"$log_file" 2>&1; do
    if [ $((SECONDS - began)) -ge "${setting[patience]}" ]; then
      say "The Micro-OS could not be fetched in ${setting[patience]} s: $(tail -n 3 "$log_file" | tr '\n' ' ')"
      return 3
    fi
    say "The orchestrator does not give the Micro-OS yet ($((SECONDS - began)) s of ${setting[patience]} s); it is tried again."
    sleep 10
  done
  say "The Micro-OS is here, after $((SECONDS - began)) s."
}

closing_check() {
  local code=0 link
  "$command_file" doctor 2>&1 | tee -a "$log_file" || code=3
  link=$(sed -n 's/^ *- name: *//p' "$config_file" | head -n 1)
  if [ -n "$link" ]; then "$command_file" probe --interface "$link" 2>&1 | tee -a "$log_file" || code=3; fi
  return "$code"
}

all_parts() {
  program_changed=false node_changed=false unit_changed=false
  put_node
  put_program
  put_command
  put_loaders
  put_configuration
  put_unit
}

install_all() {
  need_root
  need_systemd
  check_box
  open_sources
  say "eim-pxe: $verb, log in $log_file"
  remember_what_was_there
  all_parts
  start_service || fail "eim-pxe does not start: $(journalctl -u eim-pxe -n 5 --no-pager -o cat 2>/dev/null | tail -n 3)"
  forget_former
  if [ "$changes" = 0 ]; then say "Nothing was to be changed."; else say "$changes changes."; fi
  if [ ! -d "$home/app/node_modules/koffi" ]; then
    say "Installed without koffi, which is in a bundle and in a checkout only: eim-pxe serves one network card, and hears what is broadcast on others. On a box with several, run make-bundle in the checkout (after npm ci), and here install --offline FILE."
  fi
  if ! $start; then return; fi
  local code=0
  first_synchronisation || code=3
  closing_check || code=3
  cat <<END

Next:
  Register the machines at the orchestrator (serial number and UUID), set network boot (PXE, IPv4) first in
  their firmware, and power them on.
  journalctl -u eim-pxe -f      what they do        eim-pxe nodes list      how far each one got
END
  return "$code"
}

upgrade() {
  need_root
  need_systemd
  [ -d "$home/app" ] || fail "eim-pxe is not installed by this script: install.sh install"
  open_sources
  cp -p "$command_file" "$work/command" 2>/dev/null || true
  all_parts
  if [ "$changes" = 0 ]; then say "This version is installed already."; return; fi
  if start_service; then
    forget_former
    say "Upgraded to $("$command_file" --version)."
    return
  fi
  if ! $program_changed && ! $node_changed; then fail "eim-pxe does not start, with the program as it was before: journalctl -u eim-pxe"; fi
  say "The new version does not start: going back to the former one."
  put_back
  systemctl reset-failed eim-pxe 2>/dev/null || true
  systemctl restart eim-pxe || fail "the new version does not start, and the former one, which is in place again, does not either: journalctl -u eim-pxe"
  fail "the new version does not start, and the former one runs again: journalctl -u eim-pxe"
}

forget_former() { rm -rf "$home/app.old" "$home/package.sha256.old" "$home/node.old"; }

# What this run replaced, and nothing else: there may be parts of a version of long ago.
put_back() {
  if $program_changed && [ -d "$home/app.old" ]; then
    rm -rf "$home/app" "$home/package.sha256"
    mv "$home/app.old" "$home/app"
    [ ! -e "$home/package.sha256.old" ] || mv "$home/package.sha256.old" "$home/package.sha256"
  fi
  if $node_changed; then
    rm -f "$home/node"
    [ ! -e "$home/node.old" ] || mv "$home/node.old" "$home/node"
  fi
  if [ -e "$work/command" ]; then cp -p "$work/command" "$command_file"; fi
  put_unit
}

# Debian's packages that came with the installation, but those that something else needs by now.
remove_packages() {
  local one others
  local -a packages=() removable=()
  [ -s "$home/packages" ] || return 0
  work=$(mktemp -d)
  use_own_apt
  mapfile -t packages < <(sort -u "$home/packages")
  for one in "${packages[@]}"; do
    if ! dpkg-query -W -f '${db:Status-Status}\n' "$one" 2>/dev/null | grep -qx installed; then continue; fi
    if ! others=$(apt-get "${own_apt[@]}" -s purge "$one" 2>>"$log_file" | sed -n 's/^\(Purg\|Remv\) \([^ :]*\).*/\2/p' | sort -u | comm -23 - <(printf '%s\n' "${packages[@]}")); then
      say "Kept: Debian's package $one, which apt-get cannot remove now."
    elif [ -n "$others" ]; then say "Kept: Debian's package $one, which is needed by now by: ${others//$'\n'/ }"
    else removable+=("$one"); fi
  done
  [ ${#removable[@]} -gt 0 ] || return 0
  DEBIAN_FRONTEND=noninteractive apt-get "${own_apt[@]}" -qq purge -y "${removable[@]}" >/dev/null || say "these packages are still there: ${removable[*]}"
  # Empty, it says as much as none.
  if ! grep -qxF "$apt_marks" "$home/was-there" 2>/dev/null && [ ! -s "$apt_marks" ]; then rm -f "$apt_marks"; fi
}

# A folder of ours, unless it was there before the installation: then only what the installation put into it.
remove_folder() {
  local file
  if ! grep -qxF "$1" "$home/was-there" 2>/dev/null; then rm -rf "$1"; return; fi
  if [ -e "$home/files" ]; then
    while IFS= read -r file; do if [[ $file == "$1"/* ]]; then rm -f "$file"; fi; done <"$home/files"
  fi
  if [ -e "$1" ]; then say "Kept: $1, which was there before the installation."; fi
}

uninstall() {
  need_root
  local dir
  if [ ! -e "$home/was-there" ] && [ ! -e "$home/package.sha256" ]; then
    fail "eim-pxe was not installed by this script, so nothing is removed: there is no $home/package.sha256"
  fi
  # Somebody may have it beside the service: systemd would go on holding the DHCP ports.
  if [ -e "$socket_unit" ]; then
    systemctl disable --now --quiet eim-pxe.socket 2>/dev/null || true
    rm -f "$socket_unit"
    say "Removed $socket_unit, too: without the service it only holds the ports."
  fi
  if [ -e "$unit" ]; then
    systemctl disable --now --quiet eim-pxe 2>/dev/null || true
    rm -f "$unit"
    systemctl daemon-reload
    systemctl reset-failed eim-pxe 2>/dev/null || true
  fi
  remove_packages
  remove_folder "$loader_dir"
  rm -rf "$home"/app "$home"/app.* "$home"/node "$home"/node.* "$home/packages" "$home"/package.sha256* "$command_file"
  if $keep_data; then
    # So that it is known later what was there before.
    touch "$home/was-there"
    say "Kept: $config_dir and /var/lib/eim-pxe. To remove them: install.sh uninstall"
  else
    for dir in "$config_dir" "${data_dirs[@]}"; do remove_folder "$dir"; done
    rm -f "$home/was-there" "$home/files"
    rmdir "$home" 2>/dev/null || say "Kept: $home, in which there is more."
  fi
  printf 'Removed.\n'
  rm -f "$log_file"
}

make_bundle() {
  [ -n "$bundle_target" ] || fail "make-bundle wants the file to write: install.sh make-bundle eim-pxe-bundle.tgz" 2
  open_sources
  local staging=$work/new file
  local -a modules=()
  mkdir -p "$staging/loaders"
  cp "$package" "$staging/"
  cp "${BASH_SOURCE[0]}" "$staging/install.sh"
  if [ -z "$node_file" ]; then node_file=$(command -v node || true); fi
  { [ -n "$node_file" ] && node_fits "$node_file"; } || fail "a Node of 20.19 or later goes into the bundle: --node FILE, of https://nodejs.org/en/download"
  if ldd "$node_file" 2>/dev/null | grep -q libnode; then
    fail "$node_file needs libraries of this system (libnode): give one of https://nodejs.org/en/download by --node FILE"
  fi
  install -m 755 "$node_file" "$staging/node"
  if [ -z "$loaders" ]; then loaders=/usr/lib/ipxe; fi
  for file in undionly.kpxe ipxe.efi snponly.efi snp-arm64.efi; do
    if [ -e "$loaders/$file" ]; then cp -L "$loaders/$file" "$staging/loaders/"; fi
  done
  if [ ! -e "$staging/loaders/snp-arm64.efi" ] && [ -e "$loaders/ipxe-arm64.efi" ]; then
    cp -L "$loaders/ipxe-arm64.efi" "$staging/loaders/snp-arm64.efi"
  fi
  [ -e "$staging/loaders/ipxe.efi" ] || fail "there is no ipxe.efi in $loaders: apt-get install ipxe, or --loaders FOLDER"
  mapfile -t modules < <(optional_modules)
  copy_modules "$staging/koffi" "${modules[@]}"
  (cd "$staging" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$work/sums"
  mv "$work/sums" "$staging/SHA256SUMS"
  tar -C "$staging" --owner=0 --group=0 --sort=name -czf "$bundle_target.new" .
  mv "$bundle_target.new" "$bundle_target"
  printf '%s: %s bytes. On the box: tar -xzf %s ./install.sh && ./install.sh install --offline %s --origin URL\n' \
    "$bundle_target" "$(stat -c %s "$bundle_target")" "$(basename "$bundle_target")" "$(basename "$bundle_target")"
}

case $verb in
  install | upgrade | diff | uninstall | make-bundle) shift; read_settings "$@" ;;
  -h | --help | help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac
case $verb in
  install) install_all ;;
  upgrade) upgrade ;;
  uninstall) uninstall ;;
  make-bundle) make_bundle ;;
  diff)
    dry=true
    open_sources
    all_parts
    if $start; then start_service; fi
    if [ "$changes" = 0 ]; then printf 'Nothing would be changed.\n'; fi ;;
esac
