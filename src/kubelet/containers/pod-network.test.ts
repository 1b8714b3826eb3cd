import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodSpec } from "../../api/types/core.v1.ts";
import { type DnsSettings, parseResolvConf, podDns } from "./dns-config.ts";
import { hostNetworkHosts, podHosts } from "./etc-hosts.ts";
import { podHostname } from "./hostname.ts";
import { sandboxConfig } from "./sandbox-config.ts";

const pod = (spec: Partial<PodSpec>, name = "web"): Pod => ({
  metadata: { name, namespace: "shop", uid: "u" },
  spec: { containers: [], ...spec },
});
const settings: DnsSettings = {
  clusterDns: ["10.96.0.10"],
  clusterDomain: "cluster.local",
  host: { servers: ["1.1.1.1"], searches: ["lan"], options: ["timeout:1"] },
};

test("a resolv.conf is read as resolvers do", () => {
  const text =
    "# comment\nnameserver 1.1.1.1\nnameserver ::1\nsearch a.\nsearch b.example c\noptions ndots:2\n; x\noptions rotate\n";
  assert.deepEqual(parseResolvConf(text), {
    servers: ["1.1.1.1", "::1"],
    searches: ["b.example", "c"],
    options: ["ndots:2", "rotate"],
  });
});

test("DNS by policy", () => {
  const config = (spec: Partial<PodSpec>, other: Partial<DnsSettings> = {}) =>
    podDns(pod(spec), { ...settings, ...other });
  const cluster = {
    servers: ["10.96.0.10"],
    searches: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan"],
    options: ["ndots:5"],
  };
  assert.deepEqual(config({}).config, cluster);
  assert.deepEqual(config({ hostNetwork: true }).config, settings.host);
  assert.deepEqual(config({ hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" }).config, cluster);
  assert.deepEqual(config({ dnsPolicy: "Default" }).config, settings.host);
  assert.deepEqual(
    config({
      dnsPolicy: "None",
      dnsConfig: {
        nameservers: ["9.9.9.9"],
        searches: ["x"],
        options: [{ name: "ndots", value: "1" }, { name: "edns0" }],
      },
    }).config,
    { servers: ["9.9.9.9"], searches: ["x"], options: ["ndots:1", "edns0"] },
  );
  assert.deepEqual(config({ dnsConfig: { options: [{ name: "ndots", value: "2" }] } }).config.options, ["ndots:2"]);
  const without = config({}, { clusterDns: [] });
  assert.deepEqual(without.config, settings.host);
  assert.equal(without.warnings[0]?.reason, "MissingClusterDNS");
  const many = config({ dnsPolicy: "None", dnsConfig: { nameservers: ["1", "2", "3", "4"] } });
  assert.deepEqual(many.config.servers, ["1", "2", "3"]);
  assert.match(
    many.warnings[0]?.message ?? "",
    /^Nameserver limits were exceeded, .* the applied nameserver line is: 1 2 3$/,
  );
});

test("host names", () => {
  const name = (spec: Partial<PodSpec>, podName?: string) => podHostname(pod(spec, podName), "cluster.local");
  assert.equal(name({}).hostname, "web");
  assert.equal(name({ hostname: "h", subdomain: "sub" }).domain, "sub.shop.svc.cluster.local");
  assert.equal(name({ hostname: "h", subdomain: "sub" }).hostname, "h");
  assert.equal(name({ subdomain: "sub", setHostnameAsFQDN: true }).hostname, "web.sub.shop.svc.cluster.local");
  assert.equal(name({ hostnameOverride: "other.example" }).hostname, "other.example");
  assert.equal(name({}, `${"a".repeat(61)}.-b`).hostname, "a".repeat(61));
  assert.throws(
    () => name({ hostname: "h".repeat(50), subdomain: "sub", setHostnameAsFQDN: true }),
    /is too long \(64 characters is the max/,
  );
});

test("hosts files", () => {
  const aliases = [{ ip: "1.2.3.4", hostnames: ["foo", "bar"] }];
  const text = podHosts(["10.0.0.1"], { short: "web", domain: "sub.shop.svc.cluster.local" }, aliases);
  assert.match(text, /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
  assert.match(text, /\n10\.0\.0\.1\tweb\.sub\.shop\.svc\.cluster\.local\tweb\n/);
  assert.match(text, /\n# Entries added by HostAliases\.\n1\.2\.3\.4\tfoo\tbar\n$/);
  assert.equal(hostNetworkHosts("127.0.0.1 x\n", []), "# Kubernetes-managed hosts file (host network).\n127.0.0.1 x\n");
});

test("the sandbox: ports of the host, sysctls, namespaces", () => {
  const config = (spec: Partial<PodSpec>) =>
    sandboxConfig({
      pod: pod(spec),
      attempt: 1,
      hostname: { hostname: "web", short: "web", domain: "" },
      dns: { servers: [], searches: [], options: [] },
      logDirectory: "/logs",
      seenAt: 0,
    });
  const ports = [{ containerPort: 80, hostPort: 8080, hostIP: "127.0.0.1" }, { containerPort: 81 }];
  const serving = config({
    containers: [{ name: "a", ports }],
    securityContext: {
      sysctls: [{ name: "net.ipv4.tcp_syncookies", value: "1" }],
      runAsUser: 5,
      fsGroup: 7,
      supplementalGroups: [6],
    },
    shareProcessNamespace: true,
  });
  assert.deepEqual(serving.portMappings, [{ protocol: "TCP", containerPort: 80, hostPort: 8080, hostIp: "127.0.0.1" }]);
  assert.deepEqual(serving.linux.sysctls, { "net.ipv4.tcp_syncookies": "1" });
  assert.deepEqual(
    [serving.linux.security.pid, serving.linux.security.network, serving.linux.security.supplementalGroups],
    ["pod", "pod", [6, 7]],
  );
  const host = config({ hostNetwork: true, hostPID: true, hostIPC: true, containers: [{ name: "a", ports }] });
  assert.deepEqual([host.hostname, host.portMappings.length], ["", 0]);
  assert.deepEqual(
    [host.linux.security.pid, host.linux.security.network, host.linux.security.ipc],
    ["node", "node", "node"],
  );
});
