import type { Info } from "../api/types/version.ts";

/** The Kubernetes version whose API this server speaks. */
const MAJOR = "1";
const MINOR = "36";
export const GIT_VERSION = `v${MAJOR}.${MINOR}.0+knarr`;

/** `/version`. */
export function versionInfo(): Info {
  return {
    major: MAJOR,
    minor: MINOR,
    emulationMajor: MAJOR,
    emulationMinor: MINOR,
    minCompatibilityMajor: MAJOR,
    minCompatibilityMinor: String(Number(MINOR) - 1),
    gitVersion: GIT_VERSION,
    gitCommit: "",
    gitTreeState: "clean",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: `node ${process.version}`,
    compiler: "v8",
    platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
  };
}
