import { checkDnsSubdomain } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  AppArmorProfile,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  WindowsSecurityContextOptions,
} from "../../types/core.v1.ts";
import { at, child, duplicate, forbidden, invalid, notSupported, required, tooLong } from "../field-errors.ts";
import { addProblems, validateOptionalEnum, validateUserId } from "../value-checks.ts";
import { validateLocalDescendingPath } from "./path-checks.ts";

const PROFILE_TYPES = ["Localhost", "RuntimeDefault", "Unconfined"];

/** The security context of a pod, and what its other namespaces mean for it. */
export function validatePodSecurityContext(spec: PodSpec, path: string, errors: FieldError[]): void {
  const context = spec.securityContext;
  if (!context) return;
  validateUserId(context.fsGroup, child(path, "fsGroup"), errors);
  validateUserId(context.runAsUser, child(path, "runAsUser"), errors);
  validateUserId(context.runAsGroup, child(path, "runAsGroup"), errors);
  for (const [index, group] of (context.supplementalGroups ?? []).entries()) {
    validateUserId(group, at(child(path, "supplementalGroups"), index), errors);
  }
  if (spec.shareProcessNamespace && spec.hostPID) {
    const detail = "ShareProcessNamespace and HostPID cannot both be enabled";
    errors.push(invalid(child(path, "shareProcessNamespace"), true, detail));
  }
  validateSysctls(spec, child(path, "sysctls"), errors);
  validateOptionalEnum(
    context.fsGroupChangePolicy,
    ["Always", "OnRootMismatch"],
    child(path, "fsGroupChangePolicy"),
    errors,
  );
  validateSeccomp(context.seccompProfile, child(path, "seccompProfile"), errors);
  validateWindowsOptions(context.windowsOptions, child(path, "windowsOptions"), errors);
  validateAppArmor(context.appArmorProfile, child(path, "appArmorProfile"), errors);
  const groups = child(path, "supplementalGroupsPolicy");
  validateOptionalEnum(context.supplementalGroupsPolicy, ["Merge", "Strict"], groups, errors);
  const seLinux = child(path, "seLinuxChangePolicy");
  validateOptionalEnum(context.seLinuxChangePolicy, ["MountOption", "Recursive"], seLinux, errors);
}

/** The security context of a container. `hostUsers` tells whether the pod shares the host's users. */
export function validateSecurityContext(
  context: SecurityContext | undefined | null,
  hostUsers: boolean,
  path: string,
  errors: FieldError[],
): void {
  if (!context) return;
  validateUserId(context.runAsUser, child(path, "runAsUser"), errors);
  validateUserId(context.runAsGroup, child(path, "runAsGroup"), errors);
  if (context.procMount != null) {
    validateOptionalEnum(context.procMount, ["Default", "Unmasked"], child(path, "procMount"), errors);
    if (hostUsers && context.procMount === "Unmasked") {
      errors.push(invalid(child(path, "procMount"), "Unmasked", "`hostUsers` must be false to use `Unmasked`"));
    }
  }
  validateSeccomp(context.seccompProfile, child(path, "seccompProfile"), errors);
  if (context.allowPrivilegeEscalation === false) {
    const cannot = "cannot set `allowPrivilegeEscalation` to false and";
    if (context.privileged) errors.push(invalid(path, context, `${cannot} \`privileged\` to true`));
    if (context.capabilities?.add?.includes("CAP_SYS_ADMIN")) {
      errors.push(invalid(path, context, `${cannot} \`capabilities.Add\` CAP_SYS_ADMIN`));
    }
  }
  validateWindowsOptions(context.windowsOptions, child(path, "windowsOptions"), errors);
  validateAppArmor(context.appArmorProfile, child(path, "appArmorProfile"), errors);
}

function validateSeccomp(profile: SeccompProfile | undefined | null, path: string, errors: FieldError[]): void {
  if (!profile) return;
  if (!profile.type) errors.push(required(child(path, "type"), "type is required when seccompProfile is set"));
  else if (!PROFILE_TYPES.includes(profile.type)) {
    errors.push(notSupported(child(path, "type"), profile.type, PROFILE_TYPES));
  }
  const field = child(path, "localhostProfile");
  if (profile.type === "Localhost") {
    if (profile.localhostProfile == null) errors.push(required(field, "must be set when seccomp type is Localhost"));
    else validateLocalDescendingPath(profile.localhostProfile, field, errors);
  } else if (profile.localhostProfile != null) {
    errors.push(invalid(field, profile, "can only be set when seccomp type is Localhost"));
  }
}

/** The longest path that Linux takes. */
const LONGEST_PATH = 4095;

function validateAppArmor(profile: AppArmorProfile | undefined | null, path: string, errors: FieldError[]): void {
  if (!profile) return;
  const field = child(path, "localhostProfile");
  const { type, localhostProfile } = profile;
  if (!type) errors.push(required(child(path, "type"), "type is required when appArmorProfile is set"));
  else if (!PROFILE_TYPES.includes(type)) errors.push(notSupported(child(path, "type"), type, PROFILE_TYPES));
  else if (type !== "Localhost") {
    if (localhostProfile != null) {
      errors.push(invalid(field, localhostProfile, "can only be set when AppArmor type is Localhost"));
    }
  } else if (localhostProfile == null || localhostProfile === "") {
    errors.push(required(field, "must be set when AppArmor type is Localhost"));
  } else {
    if (localhostProfile.trim() !== localhostProfile) {
      errors.push(invalid(field, localhostProfile, "must not be padded with whitespace"));
    }
    if (Buffer.byteLength(localhostProfile) > LONGEST_PATH) errors.push(tooLong(field, LONGEST_PATH));
  }
}

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const SYSCTL_TEXT = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
const SYSCTL_LIMIT = 253;
const IPC_SYSCTLS = /^(kernel\.shm|kernel\.msg|fs\.mqueue\.|kernel\.sem$)/;

function validateSysctls(spec: PodSpec, path: string, errors: FieldError[]): void {
  const seen = new Set<string>();
  for (const [index, { name }] of (spec.securityContext?.sysctls ?? []).entries()) {
    const field = child(at(path, index), "name");
    if (!name) errors.push(required(field));
    else if (name.length > SYSCTL_LIMIT || !SYSCTL.test(name)) {
      errors.push(invalid(field, name, `must have at most ${SYSCTL_LIMIT} characters and match regex ${SYSCTL_TEXT}`));
    } else if (seen.has(name)) errors.push(duplicate(field, name));
    const dotted = (name ?? "").replaceAll("/", ".");
    if (spec.hostNetwork && dotted.startsWith("net.")) {
      errors.push(invalid(field, name, "may not be specified when 'hostNetwork' is true"));
    } else if (spec.hostIPC && IPC_SYSCTLS.test(dotted)) {
      errors.push(invalid(field, name, "may not be specified when 'hostIPC' is true"));
    }
    seen.add(name);
  }
}

const CREDENTIAL_SPEC_KIB = 64;

function validateWindowsOptions(
  options: WindowsSecurityContextOptions | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  if (!options) return;
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  if (gmsaCredentialSpecName != null) {
    const field = child(path, "gmsaCredentialSpecName");
    addProblems(checkDnsSubdomain(gmsaCredentialSpecName), field, gmsaCredentialSpecName, errors);
  }
  if (gmsaCredentialSpec != null) {
    const field = child(path, "gmsaCredentialSpec");
    if (gmsaCredentialSpec === "") {
      errors.push(invalid(field, "", "gmsaCredentialSpec cannot be an empty string"));
    } else if (Buffer.byteLength(gmsaCredentialSpec) > CREDENTIAL_SPEC_KIB * 1024) {
      const detail = `gmsaCredentialSpec size must be under ${CREDENTIAL_SPEC_KIB} KiB`;
      errors.push(invalid(field, gmsaCredentialSpec, detail));
    }
  }
  if (runAsUserName != null) {
    for (const problem of windowsUserProblems(runAsUserName)) {
      errors.push(invalid(child(path, "runAsUserName"), runAsUserName, `runAsUserName${problem}`));
    }
  }
}

/** What is wrong with `user` or `DOMAIN\user`. */
function windowsUserProblems(name: string): string[] {
  if (name === "") return [" cannot be an empty string"];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to refuse
  if (/[\x00-\x1f\x7f]/.test(name)) return [" cannot contain control characters"];
  const parts = name.split("\\");
  if (parts.length > 2) return [" cannot contain more than one backslash"];
  const user = parts.at(-1)!;
  const problems: string[] = [];
  if (parts.length === 2) {
    const domain = parts[0]!;
    if (domain.length >= 256) problems.push("'s Domain length must be under 256 characters");
    const netBios = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/.test(domain);
    const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
    if (!netBios && !new RegExp(`^${label}(?:\\.${label})*$`).test(domain)) {
      problems.push("'s Domain doesn't match the NetBios nor the DNS format");
    }
  }
  if (user === "") problems.push("'s User cannot be empty");
  else if (user.length > 104) problems.push("'s User length must not be longer than 104 characters");
  if (/^[. ]+$/.test(user)) problems.push("'s User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    problems.push("'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]");
  }
  return problems;
}

/** HostProcess containers of Windows: all or none, and on the host's network. */
export function validateHostProcess(spec: PodSpec, path: string, errors: FieldError[]): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let count = 0;
  let hostProcesses = 0;
  visitContainers(spec, path, (container, field) => {
    count++;
    const own = container.securityContext?.windowsOptions?.hostProcess;
    if (ofPod != null && own != null && ofPod !== own) {
      const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      errors.push(invalid(child(field, "securityContext", "windowsOptions", "hostProcess"), own, detail));
    }
    if (own ?? ofPod) hostProcesses++;
  });
  if (hostProcesses === 0) return;
  if (hostProcesses !== count) {
    const detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
    errors.push(invalid(path, "", detail));
  }
  if (!spec.hostNetwork) {
    const detail = "hostNetwork must be true if pod contains any hostProcess containers";
    errors.push(invalid(child(path, "hostNetwork"), false, detail));
  }
}

/** Calls `visit` with every container of the pod and its path: init containers, containers, ephemeral ones. */
export function visitContainers(
  spec: PodSpec,
  path: string,
  visit: (container: { name: string; securityContext?: SecurityContext }, path: string) => void,
): void {
  for (const name of ["initContainers", "containers", "ephemeralContainers"] as const) {
    for (const [index, container] of (spec[name] ?? []).entries()) visit(container, at(child(path, name), index));
  }
}

const NOT_ON_WINDOWS_POD = ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"] as const;
const NOT_ON_WINDOWS_CONTEXT = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "fsGroup",
  "fsGroupChangePolicy",
  "sysctls",
  "runAsUser",
  "runAsGroup",
  "supplementalGroups",
  "supplementalGroupsPolicy",
  "seLinuxChangePolicy",
] as const;
const NOT_ON_WINDOWS_CONTAINER = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "capabilities",
  "readOnlyRootFilesystem",
  "privileged",
  "allowPrivilegeEscalation",
  "procMount",
  "runAsUser",
  "runAsGroup",
] as const;

/** A pod that says which system it is for may not ask for what that system does not have. */
export function validateOs(spec: PodSpec, path: string, errors: FieldError[]): void {
  const os = spec.os;
  if (!os) return;
  if (!os.name) errors.push(required(child(path, "os", "name"), "cannot be empty"));
  else if (os.name === "linux") {
    const detail = "windows options cannot be set for a linux pod";
    const context = child(path, "securityContext", "windowsOptions");
    if (spec.securityContext?.windowsOptions) errors.push(forbidden(context, detail));
    visitContainers(spec, path, ({ securityContext }, field) => {
      if (!securityContext?.windowsOptions) return;
      errors.push(forbidden(child(field, "securityContext", "windowsOptions"), detail));
    });
  } else if (os.name === "windows") {
    const detail = "cannot be set for a windows pod";
    for (const name of NOT_ON_WINDOWS_POD) if (spec[name]) errors.push(forbidden(child(path, name), detail));
    for (const name of NOT_ON_WINDOWS_CONTEXT) {
      if (spec.securityContext?.[name] != null) errors.push(forbidden(child(path, "securityContext", name), detail));
    }
    visitContainers(spec, path, ({ securityContext }, field) => {
      for (const name of NOT_ON_WINDOWS_CONTAINER) {
        if (securityContext?.[name] != null) errors.push(forbidden(child(field, "securityContext", name), detail));
      }
    });
  } else errors.push(notSupported(child(path, "os"), os.name, ["linux", "windows"]));
}
