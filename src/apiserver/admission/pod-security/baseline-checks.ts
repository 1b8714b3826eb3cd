import type { LifecycleHandler, PodSpec, Probe } from "../../../api/types/core.v1.ts";
import {
  containers,
  hasUserNamespace,
  named,
  type PodCheck,
  plural,
  quoted,
  quotedSet,
  setters,
  type Violation,
} from "./violation.ts";

const CAPABILITIES = new Set([
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
]);
const SYSCTLS_1_0 = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
];
const SYSCTLS_1_27 = [...SYSCTLS_1_0, "net.ipv4.ip_local_reserved_ports"];
const SYSCTLS_1_29 = [
  ...SYSCTLS_1_27,
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
];
const SYSCTLS_1_32 = [...SYSCTLS_1_29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];
const SELINUX_1_0 = ["", "container_t", "container_init_t", "container_kvm_t"];
const SELINUX_1_31 = [...SELINUX_1_0, "container_engine_t"];
const PROFILES = new Set(["RuntimeDefault", "Localhost"]);

const APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER_ANNOTATION = "container.seccomp.security.alpha.kubernetes.io/";

/** Only the usual two kinds of AppArmor profiles. */
const appArmor: PodCheck["check"] = (spec, metadata) => {
  const values = new Set<string>();
  const bad = setters(spec, ({ appArmorProfile }) => {
    if (!appArmorProfile || PROFILES.has(appArmorProfile.type)) return false;
    values.add(appArmorProfile.type);
    return true;
  });
  const annotations = Object.entries(metadata.annotations ?? {})
    .filter(
      ([key, value]) =>
        key.startsWith(APPARMOR_ANNOTATION) &&
        value !== "" &&
        value !== "runtime/default" &&
        !value.startsWith("localhost/"),
    )
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const who = [bad, annotations.length > 0 ? plural("annotation", "annotations", annotations.length) : ""].filter(
    Boolean,
  );
  if (who.length === 0) return undefined;
  const all = [...[...values].sort(), ...annotations];
  return {
    reason: plural("forbidden AppArmor profile", "forbidden AppArmor profiles", all.length),
    detail: `${who.join(" and ")} must not set AppArmor profile type to ${quoted(all)}`,
  };
};

/** No capabilities beyond those that container runtimes give by default. */
const capabilities: PodCheck["check"] = (spec) => {
  const forbidden = new Set<string>();
  const bad = containers(spec).filter(({ securityContext }) => {
    const added = (securityContext?.capabilities?.add ?? []).filter((name) => !CAPABILITIES.has(name));
    for (const name of added) forbidden.add(name);
    return added.length > 0;
  });
  if (bad.length === 0) return undefined;
  const detail = `${named(bad)} must not include ${quotedSet(forbidden)} in securityContext.capabilities.add`;
  return { reason: "non-default capabilities", detail };
};

const hostNamespaces: PodCheck["check"] = (spec) => {
  const shared = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((name) => spec[name]);
  if (shared.length === 0) return undefined;
  return { reason: "host namespaces", detail: shared.map((name) => `${name}=true`).join(", ") };
};

const hostPathVolumes: PodCheck["check"] = (spec) => {
  const names = (spec.volumes ?? []).filter((volume) => volume.hostPath).map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: "hostPath volumes", detail: `${plural("volume", "volumes", names.length)} ${quoted(names)}` };
};

const hostPorts: PodCheck["check"] = (spec) => {
  const ports = new Set<string>();
  const bad = containers(spec).filter((container) => {
    const used = (container.ports ?? []).filter(({ hostPort }) => hostPort);
    for (const { hostPort } of used) ports.add(String(hostPort));
    return used.length > 0;
  });
  if (bad.length === 0) return undefined;
  const what = plural("hostPort", "hostPorts", ports.size);
  const list = [...ports].sort().join(", ");
  return { reason: "hostPort", detail: `${named(bad)} ${plural("uses", "use", bad.length)} ${what} ${list}` };
};

/** Probes and hooks go to the pod itself, not to a host that the pod names. */
const hostProbes: PodCheck["check"] = (spec) => {
  const hosts = new Set<string>();
  const names = new Set<string>();
  for (const { name, livenessProbe, readinessProbe, startupProbe, lifecycle } of containers(spec)) {
    const handlers: (Probe | LifecycleHandler | undefined)[] = [
      livenessProbe,
      readinessProbe,
      startupProbe,
      lifecycle?.postStart,
      lifecycle?.preStop,
    ];
    for (const host of handlers.flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])) {
      if (!host) continue;
      hosts.add(host);
      names.add(name);
    }
  }
  if (names.size === 0) return undefined;
  const who = `${plural("container", "containers", names.size)} ${quotedSet(names)}`;
  const what = plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.size);
  const detail = `${who} ${plural("uses", "use", names.size)} ${what} ${quotedSet(hosts)}`;
  return { reason: "probe or lifecycle host", detail };
};

const privileged: PodCheck["check"] = (spec) => {
  const bad = containers(spec).filter(({ securityContext }) => securityContext?.privileged);
  if (bad.length === 0) return undefined;
  return { reason: "privileged", detail: `${named(bad)} must not set securityContext.privileged=true` };
};

/** The default mask over /proc stays. */
export const procMount: PodCheck["check"] = (spec) => {
  const forbidden = new Set<string>();
  const bad = containers(spec).filter(({ securityContext }) => {
    const type = securityContext?.procMount ?? "Default";
    if (type === "Default") return false;
    forbidden.add(type);
    return true;
  });
  if (bad.length === 0) return undefined;
  return {
    reason: "procMount",
    detail: `${named(bad)} must not set securityContext.procMount to ${quotedSet(forbidden)}`,
  };
};

function seLinux(spec: PodSpec, allowed: readonly string[]): Violation | undefined {
  const types = new Set<string>();
  let [user, role] = [false, false];
  const bad = setters(spec, ({ seLinuxOptions: options }) => {
    if (!options) return false;
    const type = options.type ?? "";
    const wrongType = !allowed.includes(type);
    if (wrongType) types.add(type);
    if (options.user) user = true;
    if (options.role) role = true;
    return wrongType || Boolean(options.user) || Boolean(options.role);
  });
  if (bad === "") return undefined;
  const data = [
    ...(types.size > 0 ? [`${plural("type", "types", types.size)} ${quotedSet(types)}`] : []),
    ...(user ? ["user may not be set"] : []),
    ...(role ? ["role may not be set"] : []),
  ];
  return {
    reason: "seLinuxOptions",
    detail: `${bad} set forbidden securityContext.seLinuxOptions: ${data.join("; ")}`,
  };
}

/** Before 1.19 seccomp profiles were annotations. */
const seccompAnnotations: PodCheck["check"] = (spec, metadata) => {
  const keys = [SECCOMP_POD_ANNOTATION, ...containers(spec).map(({ name }) => SECCOMP_CONTAINER_ANNOTATION + name)];
  const forbidden = new Set<string>();
  for (const key of keys) {
    const value = metadata.annotations?.[key];
    if (value === undefined || value === "runtime/default" || value === "docker/default") continue;
    if (!value.startsWith("localhost/")) forbidden.add(`${key}=${JSON.stringify(value)}`);
  }
  if (forbidden.size === 0) return undefined;
  const what = plural("annotation", "annotations", forbidden.size);
  return { reason: "seccompProfile", detail: `forbidden ${what} ${[...forbidden].sort().join(", ")}` };
};

/** Who sets a seccomp profile sets a real one. */
export const seccompProfile: PodCheck["check"] = (spec) => {
  const values = new Set<string>();
  const bad = setters(spec, ({ seccompProfile: profile }) => {
    if (!profile || PROFILES.has(profile.type)) return false;
    values.add(profile.type);
    return true;
  });
  if (bad === "") return undefined;
  const detail = `${bad} must not set securityContext.seccompProfile.type to ${quotedSet(values)}`;
  return { reason: "seccompProfile", detail };
};

const sysctls =
  (allowed: readonly string[]): PodCheck["check"] =>
  (spec) => {
    const names = (spec.securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !allowed.includes(name));
    return names.length === 0 ? undefined : { reason: "forbidden sysctls", detail: names.join(", ") };
  };

const windowsHostProcess: PodCheck["check"] = (spec) => {
  const bad = setters(spec, ({ windowsOptions }) => windowsOptions?.hostProcess === true);
  if (bad === "") return undefined;
  return { reason: "hostProcess", detail: `${bad} must not set securityContext.windowsOptions.hostProcess=true` };
};

/** The checks of the level baseline. See https://kubernetes.io/docs/concepts/security/pod-security-standards/. */
export const BASELINE: readonly PodCheck[] = [
  { id: "appArmorProfile", since: 0, check: appArmor },
  { id: "capabilities_baseline", since: 0, check: capabilities },
  { id: "hostNamespaces", since: 0, check: hostNamespaces },
  { id: "hostPathVolumes", since: 0, check: hostPathVolumes },
  { id: "hostPorts", since: 0, check: hostPorts },
  { id: "hostProbesAndHostLifecycle", since: 34, check: hostProbes },
  { id: "privileged", since: 0, check: privileged },
  { id: "procMount", since: 0, check: procMount },
  {
    id: "procMount",
    since: 35,
    check: (spec, metadata) => (hasUserNamespace(spec) ? undefined : procMount(spec, metadata)),
  },
  { id: "seLinuxOptions", since: 0, check: (spec) => seLinux(spec, SELINUX_1_0) },
  { id: "seLinuxOptions", since: 31, check: (spec) => seLinux(spec, SELINUX_1_31) },
  { id: "seccompProfile_baseline", since: 0, check: seccompAnnotations },
  { id: "seccompProfile_baseline", since: 19, check: seccompProfile },
  { id: "sysctls", since: 0, check: sysctls(SYSCTLS_1_0) },
  { id: "sysctls", since: 27, check: sysctls(SYSCTLS_1_27) },
  { id: "sysctls", since: 29, check: sysctls(SYSCTLS_1_29) },
  { id: "sysctls", since: 32, check: sysctls(SYSCTLS_1_32) },
  { id: "windowsHostProcess", since: 0, check: windowsHostProcess },
];
