import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerdSettings, containerdConfiguration } from "./configuration.ts";
import { type ContainerdHost, mountPoints, parseVersion } from "./host.ts";

const settings: ContainerdSettings = {
  data: "/data",
  state: "/state",
  socket: "/state/c.sock",
  cniConfDir: "/data/cni",
  cniBinDir: "/usr/lib/cni",
  runtime: "/usr/sbin/runc",
  pauseImage: "registry.k8s.io/pause:3.10",
  registryConfigDir: "/data/certs.d",
  cgroupDriver: "cgroupfs",
  logLevel: "warn",
};
const host = (version: string, changes: Partial<ContainerdHost> = {}): ContainerdHost => ({
  ...parseVersion(`containerd github.com/containerd/containerd ${version} abc`),
  cgroupVersion: 2,
  systemd: true,
  mayLowerOomScore: true,
  snapshotter: "overlayfs",
  ...changes,
});
/** The lines of one table. */
const table = (text: string, name: string) => text.split(`\n[${name}]\n`)[1]?.split("\n\n")[0]?.split("\n");

test("versions 1.6 and 1.7 get format 2, with everything below one plugin", () => {
  const text = containerdConfiguration(
    settings,
    host("1.6.20~ds1", { mayLowerOomScore: false, snapshotter: "native" }),
  );
  assert.match(text, /^version = 2\nroot = "\/data\/root"\nstate = "\/state\/state"\n/);
  const cri = table(text, 'plugins."io.containerd.grpc.v1.cri"') ?? [];
  assert.ok(cri.includes('sandbox_image = "registry.k8s.io/pause:3.10"'));
  assert.ok(cri.includes('stream_server_address = "127.0.0.1"'));
  assert.ok(cri.includes("restrict_oom_score_adj = true"));
  assert.ok(table(text, 'plugins."io.containerd.grpc.v1.cri".containerd')?.includes('snapshotter = "native"'));
  assert.ok(table(text, 'plugins."io.containerd.grpc.v1.cri".cni')?.includes('bin_dir = "/usr/lib/cni"'));
  assert.match(containerdConfiguration(settings, host("v1.7.27")), /^version = 2\n/);
});

test("versions from 2.0 on get format 3, with images, runtime and streaming apart", () => {
  const text = containerdConfiguration({ ...settings, cgroupDriver: "systemd" }, host("v2.2.0"));
  assert.match(text, /^version = 3\n/);
  assert.ok(
    table(text, 'plugins."io.containerd.cri.v1.images".pinned_images')?.includes(
      'sandbox = "registry.k8s.io/pause:3.10"',
    ),
  );
  assert.ok(table(text, 'plugins."io.containerd.cri.v1.runtime"')?.includes("restrict_oom_score_adj = false"));
  assert.ok(table(text, 'plugins."io.containerd.cri.v1.runtime".cni')?.includes('bin_dirs = ["/usr/lib/cni"]'));
  const runc = table(text, 'plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options');
  assert.deepEqual(runc, ['BinaryName = "/usr/sbin/runc"', 'Root = "/state/runc"', "SystemdCgroup = true"]);
  assert.ok(table(text, 'plugins."io.containerd.grpc.v1.cri"')?.includes('stream_server_port = "0"'));
});

test("every path that is written to is the node's own", () => {
  for (const version of ["1.6.20", "2.1.0"]) {
    const text = containerdConfiguration(settings, host(version));
    const paths = [...text.matchAll(/"(\/[^"]*)"/g)].map(([, path]) => path!);
    const shared = ["/usr/lib/cni", "/usr/sbin/runc"];
    assert.deepEqual(paths.filter((path) => !/^\/(data|state)\//.test(path)).sort(), shared);
  }
});

test("a version that is too old, or none, is refused", () => {
  assert.deepEqual(parseVersion("containerd containerd.io 1.7.27 05044ec"), { version: "1.7.27", major: 1, minor: 7 });
  assert.throws(() => parseVersion("containerd github.com/containerd/containerd 1.5.9 x"), /1\.5 is too old/);
  assert.throws(() => parseVersion("no version here"), /not to be read/);
});

test("mount points are read with their escapes undone", () => {
  const line = (point: string) => `36 35 98:0 / ${point} rw,noatime master:1 - ext3 /dev/root rw`;
  assert.deepEqual(mountPoints(`${line("/a")}\n${line("/with\\040space\\134")}\n`), ["/a", "/with space\\"]);
});
