#!/bin/sh
# What a fresh machine lacks, put in place; each step says what it does, on standard error.
#   machine.sh node ROOT CACHE   Node 24 (written to CACHE/path), npm packages and the bundle of a source checkout
#   machine.sh packages          the programs that a node needs, from the distribution
#   machine.sh test-packages     what the tests use beyond that
set -eu
say() { echo "knarr: $*" >&2; }
die() {
  say "$*"
  exit 1
}
node_major=24

# Prints the path of a Node of at least $node_major, or fails.
find_node() {
  for candidate in "$(command -v node || true)" "$cache/node_modules/node-$platform/bin/node"; do
    [ -x "$candidate" ] || continue
    major=$("$candidate" -p 'process.versions.node.split(".")[0]' 2>/dev/null) || continue
    if [ "$major" -ge "$node_major" ]; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

ensure_node() {
  root=$1 cache=$2
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64) platform=linux-arm64 ;;
    Darwin-x86_64) platform=darwin-x64 ;;
    Darwin-arm64) platform=darwin-arm64 ;;
    *) die "no Node $node_major package for $(uname -sm): install Node $node_major yourself and run this again" ;;
  esac
  mkdir -p "$cache"
  if ! node=$(find_node); then
    command -v npm >/dev/null || die "Node $node_major is needed: install Node (20 or newer) with npm first, for example 'apt-get install nodejs npm'"
    say "fetching Node $node_major (npm package node-$platform) into $cache"
    npm install --prefix "$cache" --no-save --no-package-lock --no-audit --no-fund --loglevel=error "node-$platform@$node_major" >&2 ||
      die "npm could not install node-$platform@$node_major (see above); install Node $node_major yourself and run this again"
    node=$(find_node) || die "node-$platform@$node_major does not run on this machine"
  fi
  if [ -d "$root/src" ]; then
    PATH=$(dirname "$node"):$PATH
    if [ ! "$root/node_modules/.package-lock.json" -nt "$root/package-lock.json" ]; then
      command -v npm >/dev/null || die "npm is needed to install the packages of package-lock.json"
      say "installing npm packages (npm ci)"
      (cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2) || die "npm ci failed (see above)"
      touch "$root/node_modules/.package-lock.json"
    fi
    (cd "$root" && "$node" scripts/bundle.ts) || die "the bundle could not be built (see above)"
  fi
  echo "$node" >"$cache/path"
}

ensure_packages() {
  missing=
  [ "$(uname -s)" = Linux ] || die "nodes run on Linux only; this is $(uname -s)"
  PATH=$PATH:/usr/sbin:/sbin
  command -v containerd >/dev/null || missing="$missing containerd"
  command -v runc >/dev/null || missing="$missing runc"
  command -v nft >/dev/null || missing="$missing nftables"
  command -v ip >/dev/null || missing="$missing iproute2"
  command -v conntrack >/dev/null || missing="$missing conntrack"
  [ -x /usr/lib/cni/ptp ] || [ -x /opt/cni/bin/ptp ] || missing="$missing containernetworking-plugins"
  user=$(id -u)
  if [ -z "$missing" ]; then
    [ "$user" = 0 ] || die "a node needs root (network namespaces, mounts, containers): run this again with sudo"
    return
  fi
  install_packages "${missing# }"
}

# Debian's packages in $1, or one clear message where they can't be installed.
install_packages() {
  command -v apt-get >/dev/null ||
    die "missing: $1. Install them with this system's package manager and run this again"
  [ "$(id -u)" = 0 ] || die "missing: $1. Run this again as root, or first: sudo apt-get install $1"
  say "installing $1 (apt-get)"
  export DEBIAN_FRONTEND=noninteractive
  # A machine without package lists, or with outdated ones, needs them refreshed first.
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $1 >/dev/null 2>&1 || {
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends $1 >&2
  } || die "apt-get could not install $1 (see above)"
}

# What the tests use beyond that: a kubectl, a shell for containers that needs no libraries, and etcd with its client.
ensure_test_packages() {
  missing=
  command -v kubectl >/dev/null || missing="$missing kubernetes-client"
  [ -x /bin/busybox ] || missing="$missing busybox-static"
  command -v openssl >/dev/null || missing="$missing openssl"
  command -v etcd >/dev/null || missing="$missing etcd-server"
  command -v etcdctl >/dev/null || missing="$missing etcd-client"
  [ -z "$missing" ] || install_packages "${missing# }"
  # Debian starts it as a service, which nobody asked for: the tests start their own.
  case $missing in *etcd-server*) systemctl disable --now etcd >/dev/null 2>&1 || true ;; esac
}

case ${1:-} in
  node) ensure_node "$2" "$3" ;;
  packages) ensure_packages ;;
  test-packages) ensure_test_packages ;;
  *) die "usage: machine.sh node ROOT CACHE | machine.sh packages | machine.sh test-packages" ;;
esac
