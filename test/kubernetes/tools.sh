#!/usr/bin/env bash
# Gets what test/kubernetes needs into ~/.cache/eim-pxe-kubernetes: a real kube-apiserver with kubectl and etcd, helm,
# kubeconform and kustomize. All are built from their published Go modules, once: half an hour on two cores.
# Needs Go of at least 1.26 (https://go.dev/dl) and the Go module proxy.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/eim-pxe-kubernetes
mkdir -p "$cache/bin"
export GOBIN=$cache/bin
go=$(command -v go || echo /usr/local/go/bin/go)
[ -x "$go" ] || { echo "test:kubernetes needs Go of at least 1.26: https://go.dev/dl" >&2; exit 1; }

version=$(sed -n 's#.*k8s.io/kubernetes \(v[0-9.]*\).*#\1#p' "$here/tools/go.mod" | head -n 1)
if [ ! -x "$cache/bin/kube-apiserver" ] || [ ! -x "$cache/bin/kubectl" ] || [ ! -x "$cache/bin/etcd" ]; then
  echo "building kube-apiserver $version, kubectl and etcd: some 30 minutes" >&2
  minor=$(cut -d. -f2 <<<"$version")
  (cd "$here/tools" && nice "$go" build -p 2 -trimpath -o "$cache/bin/" \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$minor" \
    ./kube-apiserver ./kubectl ./etcd)
fi
[ -x "$cache/bin/kubeconform" ] || nice "$go" install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
[ -x "$cache/bin/helm" ] || nice "$go" install helm.sh/helm/v3/cmd/helm@latest
# What the manifests are judged by: Kubernetes' own OpenAPI documents, and the definitions of others' objects.
modules="$cache/modules"
if [ ! -e "$modules/done" ]; then
  rm -rf "$modules"
  mkdir -p "$modules"
  for module in "k8s.io/kubernetes@$version" github.com/prometheus-operator/prometheus-operator@v0.85.0 \
    github.com/k8snetworkplumbingwg/network-attachment-definition-client@v1.7.5; do
    dir=$("$go" mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)".*/\1/p')
    ln -s "$dir" "$modules/$(basename "${module%@*}")"
  done
  touch "$modules/done"
fi
