import type {
  AppArmorProfile,
  Pod,
  PodSecurityContext,
  SeccompProfile,
  SecurityContext,
} from "../../api/types/core.v1.ts";
import { type AnyContainer, describePod } from "../pod/pod.ts";
import type { ContainerSecurity, Image, NamespaceMode, SandboxSecurity, SecurityProfile } from "../runtime.ts";

/** What containers may not see of /proc and /sys, and what they may only read, unless they ask for `Unmasked`. */
const MASKED_PATHS = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];
const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

export interface SecurityOptions {
  /** RuntimeDefault rather than Unconfined where nothing is asked for. */
  seccompDefault: boolean;
  /** Where Localhost seccomp profiles are. */
  seccompRoot: string;
}

/** The sandbox always has the runtime's default seccomp profile: containers may then have stricter ones of their own. */
export function sandboxSecurity(pod: Pod): SandboxSecurity {
  const context = pod.spec?.securityContext;
  const privileged = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].some(
    (container) => container.securityContext?.privileged,
  );
  return {
    network: networkMode(pod),
    pid: pidMode(pod),
    ipc: ipcMode(pod),
    privileged,
    ...(context?.runAsUser !== undefined ? { runAsUser: context.runAsUser } : {}),
    ...(context?.runAsGroup !== undefined && context.runAsUser !== undefined ? { runAsGroup: context.runAsGroup } : {}),
    supplementalGroups: groups(context),
    seccomp: { type: "runtime-default" },
    readonlyRootfs: false,
  };
}

/** `targetId`: the container whose processes an ephemeral container is to see. Throws upstream's error for a root user. */
export function containerSecurity(
  pod: Pod,
  container: AnyContainer,
  image: Image,
  targetId: string | undefined,
  options: SecurityOptions,
): ContainerSecurity {
  const own: SecurityContext = container.securityContext ?? {};
  const shared: PodSecurityContext = pod.spec?.securityContext ?? {};
  const runAsUser = own.runAsUser ?? shared.runAsUser;
  const runAsGroup = own.runAsGroup ?? shared.runAsGroup;
  // An image that names no user runs as root.
  const imageUid = image.uid ?? (image.username ? undefined : 0);
  if (own.runAsNonRoot ?? shared.runAsNonRoot) checkNonRoot(pod, container, runAsUser, imageUid, image.username);
  const privileged = own.privileged ?? false;
  const unmasked = privileged || own.procMount === "Unmasked";
  const apparmor = own.appArmorProfile ?? shared.appArmorProfile;
  return {
    privileged,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    network: networkMode(pod),
    pid: targetId ? "target" : pidMode(pod),
    ipc: ipcMode(pod),
    ...(targetId ? { targetId } : {}),
    ...user(runAsUser, imageUid, image.username),
    ...(runAsGroup !== undefined ? { runAsGroup } : {}),
    supplementalGroups: groups(shared),
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    seccomp: seccomp(own.seccompProfile ?? shared.seccompProfile, options),
    ...(apparmor ? { apparmor: apparmorProfile(apparmor) } : {}),
    maskedPaths: unmasked ? [] : MASKED_PATHS,
    readonlyPaths: unmasked ? [] : READONLY_PATHS,
  };
}

function user(runAsUser: number | undefined, imageUid: number | undefined, username: string | undefined) {
  if (runAsUser !== undefined) return { runAsUser };
  return imageUid !== undefined ? { runAsUser: imageUid } : { runAsUsername: username };
}

function checkNonRoot(
  pod: Pod,
  container: AnyContainer,
  runAsUser: number | undefined,
  imageUid: number | undefined,
  username: string | undefined,
): void {
  const where = `(pod: "${describePod(pod)}", container: ${container.name})`;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new Error(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (imageUid === 0) throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
  if (imageUid === undefined) {
    throw new Error(
      `container has runAsNonRoot and image has non-numeric user (${username}), cannot verify user is non-root ${where}`,
    );
  }
}

const networkMode = (pod: Pod): NamespaceMode => (pod.spec?.hostNetwork ? "node" : "pod");
const ipcMode = (pod: Pod): NamespaceMode => (pod.spec?.hostIPC ? "node" : "pod");
function pidMode(pod: Pod): NamespaceMode {
  if (pod.spec?.hostPID) return "node";
  return pod.spec?.shareProcessNamespace ? "pod" : "container";
}

function groups(context: PodSecurityContext | undefined): number[] {
  const fsGroup = context?.fsGroup;
  return [...(context?.supplementalGroups ?? []), ...(fsGroup !== undefined ? [fsGroup] : [])];
}

function seccomp(profile: SeccompProfile | undefined, options: SecurityOptions): SecurityProfile {
  switch (profile?.type) {
    case "RuntimeDefault":
      return { type: "runtime-default" };
    case "Unconfined":
      return { type: "unconfined" };
    case "Localhost":
      return { type: "localhost", localhostRef: `${options.seccompRoot}/${profile.localhostProfile ?? ""}` };
    case undefined:
      return { type: options.seccompDefault ? "runtime-default" : "unconfined" };
    default:
      throw new Error(`unknown seccomp profile type "${profile?.type}"`);
  }
}

function apparmorProfile(profile: AppArmorProfile): SecurityProfile {
  switch (profile.type) {
    case "RuntimeDefault":
      return { type: "runtime-default" };
    case "Unconfined":
      return { type: "unconfined" };
    case "Localhost":
      return { type: "localhost", localhostRef: profile.localhostProfile };
    default:
      throw new Error(`unknown AppArmor profile type "${profile.type}"`);
  }
}
