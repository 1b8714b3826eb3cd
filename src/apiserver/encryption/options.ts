import type { Flags } from "../../base/flags.ts";

/** Encryption at rest, as upstream names its flags. */
export const encryptionFlags = {
  "encryption-provider-config": { kind: "string", description: "a file of kind EncryptionConfiguration" },
  "encryption-provider-config-automatic-reload": {
    kind: "boolean",
    default: false,
    description: "takes in changes of the file within a minute",
  },
} as const satisfies Flags;
