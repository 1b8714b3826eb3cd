import type { Volume } from "../../../api/types/core.v1.ts";
import { procMount, seccompProfile } from "./baseline-checks.ts";
import {
  containers,
  hasUserNamespace,
  isWindows,
  named,
  type PodCheck,
  plural,
  quoted,
  quotedSet,
  setters,
} from "./violation.ts";

const VOLUMES: readonly (keyof Volume)[] = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

const privilegeEscalation: PodCheck["check"] = (spec) => {
  const bad = containers(spec).filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (bad.length === 0) return undefined;
  const detail = `${named(bad)} must set securityContext.allowPrivilegeEscalation=false`;
  return { reason: "allowPrivilegeEscalation != false", detail };
};

/** All capabilities are dropped; only the one to listen on low ports may come back. */
const capabilities: PodCheck["check"] = (spec) => {
  const all = containers(spec);
  const added = new Set<string>();
  const keeping = all.filter(({ securityContext }) => !securityContext?.capabilities?.drop?.includes("ALL"));
  const adding = all.filter(({ securityContext }) => {
    const forbidden = (securityContext?.capabilities?.add ?? []).filter((name) => name !== "NET_BIND_SERVICE");
    for (const name of forbidden) added.add(name);
    return forbidden.length > 0;
  });
  const details = [
    ...(keeping.length > 0 ? [`${named(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding.length > 0
      ? [`${named(adding)} must not include ${quotedSet(added)} in securityContext.capabilities.add`]
      : []),
  ];
  return details.length === 0 ? undefined : { reason: "unrestricted capabilities", detail: details.join("; ") };
};

const volumes: PodCheck["check"] = (spec) => {
  const bad = (spec.volumes ?? []).filter((volume) => !VOLUMES.some((type) => volume[type]));
  if (bad.length === 0) return undefined;
  const types = new Set(bad.map((volume) => Object.keys(volume).find((key) => key !== "name") ?? "unknown"));
  const who = `${plural("volume", "volumes", bad.length)} ${quoted(bad.map(({ name }) => name))}`;
  const what = plural("restricted volume type", "restricted volume types", types.size);
  const detail = `${who} ${plural("uses", "use", bad.length)} ${what} ${quotedSet(types)}`;
  return { reason: "restricted volume types", detail };
};

const runAsNonRoot: PodCheck["check"] = (spec) => {
  const reason = "runAsNonRoot != true";
  const explicit = setters(spec, (context) => context.runAsNonRoot === false);
  if (explicit !== "") return { reason, detail: `${explicit} must not set securityContext.runAsNonRoot=false` };
  if (spec.securityContext?.runAsNonRoot) return undefined;
  const silent = containers(spec).filter(({ securityContext }) => !securityContext?.runAsNonRoot);
  if (silent.length === 0) return undefined;
  return { reason, detail: `pod or ${named(silent)} must set securityContext.runAsNonRoot=true` };
};

const runAsUser: PodCheck["check"] = (spec) => {
  const bad = setters(spec, (context) => context.runAsUser === 0);
  return bad === "" ? undefined : { reason: "runAsUser=0", detail: `${bad} must not set runAsUser=0` };
};

const seccomp: PodCheck["check"] = (spec, metadata) => {
  const wrong = seccompProfile(spec, metadata);
  if (wrong || spec.securityContext?.seccompProfile) return wrong;
  const silent = containers(spec).filter(({ securityContext }) => !securityContext?.seccompProfile);
  if (silent.length === 0) return undefined;
  const rule = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"';
  return { reason: "seccompProfile", detail: `pod or ${named(silent)} ${rule}` };
};

/** Not for pods that `exempt` is true of. */
const unless =
  (exempt: (spec: Parameters<PodCheck["check"]>[0]) => boolean, check: PodCheck["check"]): PodCheck["check"] =>
  (spec, metadata) =>
    exempt(spec) ? undefined : check(spec, metadata);

/** What the level restricted checks in addition to baseline. */
export const RESTRICTED: readonly PodCheck[] = [
  { id: "allowPrivilegeEscalation", since: 8, check: privilegeEscalation },
  { id: "allowPrivilegeEscalation", since: 25, check: unless(isWindows, privilegeEscalation) },
  { id: "capabilities_restricted", since: 22, overrides: ["capabilities_baseline"], check: capabilities },
  {
    id: "capabilities_restricted",
    since: 25,
    overrides: ["capabilities_baseline"],
    check: unless(isWindows, capabilities),
  },
  { id: "procMount_restricted", since: 35, overrides: ["procMount"], check: procMount },
  { id: "restrictedVolumes", since: 0, overrides: ["hostPathVolumes"], check: volumes },
  { id: "runAsNonRoot", since: 0, check: runAsNonRoot },
  { id: "runAsNonRoot", since: 35, check: unless(hasUserNamespace, runAsNonRoot) },
  { id: "runAsUser", since: 23, check: runAsUser },
  { id: "runAsUser", since: 35, check: unless(hasUserNamespace, runAsUser) },
  { id: "seccompProfile_restricted", since: 19, overrides: ["seccompProfile_baseline"], check: seccomp },
  {
    id: "seccompProfile_restricted",
    since: 25,
    overrides: ["seccompProfile_baseline"],
    check: unless(isWindows, seccomp),
  },
];
