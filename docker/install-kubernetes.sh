#!/usr/bin/env bash
# eim-pxe in a Kubernetes cluster, by kubectl: install.sh --kubernetes runs this.
#
#   install.sh --kubernetes install    [settings]      applies the manifests, waits until machines could boot
#   install.sh --kubernetes diff       [settings]      what install would change; changes nothing
#   install.sh --kubernetes manifests  [settings]      prints what install applies
#   install.sh --kubernetes uninstall  [--keep-data]   the namespace goes away; with --keep-data its volumes stay
#
# Settings, as flags or in eim-pxe.env beside this script (or --env FILE), which has them in capitals (ORIGIN=…):
#   --origin URL|DOMAIN  the orchestrator                --interface NAME   the node's network card on the machines' link
#   --mode proxy|full    --pool FIRST-LAST               --ca-file FILE     the orchestrator's CA
#   --image NAME:TAG     where the nodes pull it         --replicas 1|2     two: one goes on when a node is lost
#   --namespace NAME     default: eim-pxe                --node-label KEY=VALUE   only nodes with this label
#   --nodes FILE         nodes.yaml                      --volumes          a volume for each replica, else none
#   --patience SECONDS   how long the first synchronisation may take (default: 900)
#
# Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 installed, but no machine could boot yet; diff: 1 there are changes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
parts=$here/kubernetes/kustomize
work=''
declare -A setting=([namespace]=eim-pxe [mode]=proxy [replicas]=1 [patience]=900)
keep_data=false volumes=false

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$1" >&2; exit "${2:-1}"; }
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

read_env() {
  local name value
  while IFS='=' read -r name value; do
    [[ $name =~ ^[A-Z_0-9]+$ ]] || continue
    value=${value%$'\r'}; value=${value#[\"\']}; value=${value%[\"\']}
    name=${name,,}
    setting[${name//_/-}]=$value
  done <"$1"
  [ -n "${setting[origin]:-}" ] || setting[origin]=${setting[domain]:-}
}

read_settings() {
  local -a words=("$@")
  local i env_file=$here/eim-pxe.env
  for ((i = 0; i < ${#words[@]}; i++)); do
    if [ "${words[i]}" = --env ]; then env_file=${words[i + 1]:-}; [ -r "$env_file" ] || fail "--env ${env_file}: cannot be read" 2; fi
  done
  if [ -r "$env_file" ]; then read_env "$env_file"; fi
  while [ $# -gt 0 ]; do
    case $1 in
      --origin | --interface | --mode | --pool | --ca-file | --image | --replicas | --namespace | --node-label | --nodes | --patience)
        [ $# -ge 2 ] || fail "$1 wants a value" 2
        setting[${1#--}]=$2; shift ;;
      --env) shift ;;
      --keep-data) keep_data=true ;;
      --volumes) volumes=true ;;
      *) fail "$1 is not understood with --kubernetes; see install.sh --kubernetes --help" 2 ;;
    esac
    shift
  done
  [[ ${setting[namespace]} =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]] || fail "--namespace ${setting[namespace]}: is no name of a namespace" 2
  [[ ${setting[mode]} =~ ^(proxy|full)$ ]] || fail "--mode must be proxy or full" 2
  [[ ${setting[replicas]} =~ ^[12]$ ]] || fail "--replicas must be 1 or 2" 2
  local image=${setting[image]:-none:none}
  [[ ${image##*/} == *[:@]* ]] || fail "--image ${image}: name it with its tag, such as ${image}:0.2.0" 2
  [[ ${setting[patience]} =~ ^[0-9]+$ ]] || fail "--patience must be a number of seconds" 2
}

quoted() { local text=${1//\\/\\\\}; printf '"%s"' "${text//\"/\\\"}"; }

# NAME:TAG or NAME@sha256:HEX for kustomize. A registry may have a port: the tag is behind the last slash.
image_of() {
  local name=${1%@*} kind=digest value=${1##*@}
  if [[ $1 != *@* ]]; then name=${1%:*} kind=newTag value=${1##*:}; fi
  printf 'images:\n  - { name: eim-pxe, newName: %s, %s: %s }\n' "$(quoted "$name")" "$kind" "$(quoted "$value")"
}

# A kustomization of this site over the parts beside this script.
write_site() {
  [ -n "${setting[interface]:-}" ] || fail "--interface: name the node's network card on the machines' link, as ip link on the node shows it" 2
  [ -d "$parts" ] || fail "$parts is missing: take the whole folder docker of the release" 2
  if [ "${setting[mode]}" = full ] && [ -z "${setting[pool]:-}" ]; then fail "--mode full needs --pool FIRST-LAST, the addresses to give out" 2; fi
  work=$(mktemp -d)
  cp -R "$parts" "$work/parts"
  local site=$work/site origin=${setting[origin]:-}
  local -a list=(host-network)
  mkdir "$site"
  if [ -n "$origin" ] && [[ $origin != http*://* ]]; then origin=https://tinkerbell-haproxy.$origin/tink-stack; fi
  {
    printf 'interfaces:\n  - name: %s\n    dhcp:\n      mode: %s\n' "$(quoted "${setting[interface]}")" "${setting[mode]}"
    [ -z "${setting[pool]:-}" ] || printf '      pools: [%s]\n' "$(quoted "${setting[pool]}")"
    if [ -n "$origin" ]; then
      printf 'artifacts:\n  origin: %s\n' "$(quoted "$origin")"
      [ -z "${setting[ca-file]:-}" ] || printf '  ca: { file: /etc/eim-pxe/orchestrator-ca.pem }\n'
    fi
  } >"$site/eim-pxe.yaml"
  local files=eim-pxe.yaml
  if [ -n "${setting[ca-file]:-}" ]; then
    cp "${setting[ca-file]}" "$site/orchestrator-ca.pem" 2>/dev/null || fail "--ca-file ${setting[ca-file]}: cannot be read" 2
    files+=', orchestrator-ca.pem'
  fi
  if [ -n "${setting[nodes]:-}" ]; then
    cp "${setting[nodes]}" "$site/nodes.yaml" 2>/dev/null || fail "--nodes ${setting[nodes]}: cannot be read" 2
  else printf '[]\n' >"$site/nodes.yaml"; fi
  if [ "${setting[replicas]}" = 2 ]; then list+=(replicas); fi
  if $volumes; then list+=(volume); fi
  {
    printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: %s\n' "${setting[namespace]}"
    printf 'resources: [../parts/base, namespace.yaml]\ncomponents:\n'
    printf '  - ../parts/components/%s\n' "${list[@]}"
    printf 'configMapGenerator:\n  - { name: eim-pxe-config, behavior: merge, files: [%s] }\n' "$files"
    printf '  - { name: eim-pxe-nodes, behavior: merge, files: [nodes.yaml], options: { disableNameSuffixHash: true } }\n'
    if [ -n "${setting[image]:-}" ]; then
      image_of "${setting[image]}"
    fi
    if [ -n "${setting[node-label]:-}" ]; then
      printf 'patches:\n  - target: { kind: StatefulSet, name: eim-pxe }\n    patch: |\n      - op: add\n        path: /spec/template/spec/nodeSelector\n        value: { %s: %s }\n' \
        "$(quoted "${setting[node-label]%%=*}")" "$(quoted "${setting[node-label]#*=}")"
    fi
  } >"$site/kustomization.yaml"
  local made=", $made_here: install.sh"
  if kubectl get namespace "${setting[namespace]}" >/dev/null 2>&1 && ! is_made_here; then made=; fi
  cat >"$site/namespace.yaml" <<END
apiVersion: v1
kind: Namespace
metadata:
  name: ${setting[namespace]}
  labels: { pod-security.kubernetes.io/enforce: privileged$made }
END
}

# The label of a namespace that this script made, and that it may take away again.
made_here=eim-pxe/made-by
is_made_here() { kubectl get namespace -l "$made_here=install.sh" -o name 2>/dev/null | grep -qx "namespace/${setting[namespace]}"; }

# A server-side diff needs the namespace: before the first installation everything is new.
show_diff() {
  if ! kubectl get namespace "${setting[namespace]}" >/dev/null 2>&1; then
    say "would make, as the namespace ${setting[namespace]} is not there yet:"
    kubectl kustomize "$work/site" | sed -n 's/^kind: /  /p'
    return 1
  fi
  if kubectl diff -k "$work/site"; then say "Nothing would change."; else return 1; fi
}

install_all() {
  kubectl apply -k "$work/site" || fail "kubectl apply failed: what it says stands above; nothing has to be cleaned up, run this again"
  say "Waiting until a machine could boot, at most ${setting[patience]} s: the orchestrator may still be building its files."
  local in="kubectl -n ${setting[namespace]}"
  if ! $in rollout status statefulset/eim-pxe --timeout "${setting[patience]}s"; then
    say "No machine could boot yet. Look in this order:"
    say "$in get pods                              ErrImagePull, ImagePullBackOff: the nodes cannot pull the image; name it with --image"
    say "$in logs eim-pxe-0                        what the server lacks"
    say "$in exec eim-pxe-0 -- eim-pxe doctor      what is in the way of a boot, and what to do"
    return 3
  fi
  say "A machine could boot now."
  say "Next: register the machines at the orchestrator, set network boot first in their firmware, and power them on."
  say "$in exec -it eim-pxe-0 -- eim-pxe watch      the machines, live"
}

# Whatever is not eim-pxe's stays; so does a namespace that was there before, or that has something else in it by now.
uninstall() {
  local in="kubectl -n ${setting[namespace]}" ours=app.kubernetes.io/name=eim-pxe
  kubectl get namespace "${setting[namespace]}" >/dev/null 2>&1 || { say "The namespace ${setting[namespace]} is not there: nothing to remove."; return; }
  $in delete statefulset,service,configmap,serviceaccount,role,rolebinding,poddisruptionbudget -l "$ours" --ignore-not-found
  if $keep_data; then
    say "Kept: the namespace ${setting[namespace]} with its volumes."
    return
  fi
  $in delete persistentvolumeclaim -l "$ours" --ignore-not-found
  local others
  others=$($in get statefulset,deployment,daemonset,job,cronjob,pod,service,secret,configmap,persistentvolumeclaim -l "${ours/=/!=}" -o name | grep -vx 'configmap/kube-root-ca.crt' || true)
  if [ -n "$others" ]; then say "Kept: the namespace ${setting[namespace]}, which has more than eim-pxe in it: ${others//$'\n'/, }."
  elif ! is_made_here; then say "Kept: the namespace ${setting[namespace]}, which was there before."
  else kubectl delete namespace "${setting[namespace]}"; fi
}

verb=${1:-}
case $verb in
  '' | -h | --help | help) sed -n '2,/^set -euo/p' "${BASH_SOURCE[0]}" | sed '$d;s/^# \{0,1\}//'; exit 0 ;;
  install | diff | manifests | uninstall) ;;
  *) fail "$verb is no verb with --kubernetes: install, diff, manifests or uninstall" 2 ;;
esac
shift
read_settings "$@"
command -v kubectl >/dev/null || fail "kubectl is missing: install it, and have its kubeconfig name your cluster"
case $verb in
  install) write_site; install_all ;;
  diff) write_site; show_diff ;;
  manifests) write_site; kubectl kustomize "$work/site" ;;
  uninstall) uninstall ;;
esac
