import manifest from "../../package.json" with { type: "json" };

/** Knarr's own version. The Kubernetes version that it speaks is the API server's. */
export const VERSION: string = manifest.version;
