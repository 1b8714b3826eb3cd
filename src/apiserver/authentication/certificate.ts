import { createHash } from "node:crypto";
import { EXTRA } from "../../api/service-account-user.ts";
import type { UserInfo } from "../../api/user.ts";
import type { Clock } from "../../base/clock.ts";
import { parseCertificate } from "../../base/x509.ts";
import type { Authenticator } from "../authentication.ts";
import { rejection } from "./rejection.ts";

/** The subject attribute that holds a user's uid, as upstream reads it since AllowParsingUserUIDFromCertAuth. */
const UID_ATTRIBUTE = "1.3.6.1.4.1.57683.2";

/**
 * Users by client certificate: CN is the name, each O a group. The TLS layer has verified the chain; the dates are
 * checked here again, since a connection may outlive its certificate. A certificate without CN says nothing.
 */
export function certificateAuthenticator(options: { clock: Clock }): Authenticator {
  // Keyed by the buffer itself: a server that hands over the same one for each request of a connection pays once.
  const known = new WeakMap<Uint8Array, Certified>();
  return {
    async authenticate({ certificate }) {
      if (!certificate) return undefined;
      let certified = known.get(certificate);
      if (!certified) {
        certified = read(certificate);
        known.set(certificate, certified);
      }
      const now = options.clock.now();
      if (now < certified.notBefore || now > certified.notAfter) {
        throw rejection(`the certificate of ${certified.user?.name} is not valid now`);
      }
      return certified.user;
    },
  };
}

interface Certified {
  readonly user: UserInfo | undefined;
  readonly notBefore: number;
  readonly notAfter: number;
}

function read(certificate: Uint8Array): Certified {
  const { commonName, organizations, subject, notBefore, notAfter, usages } = parseCertificate(certificate);
  if (commonName === "") return { user: undefined, notBefore, notAfter };
  const uids = subject.filter(([type]) => type === UID_ATTRIBUTE).map(([, uid]) => uid);
  if (!usages.includes("client")) throw rejection(`the certificate of ${commonName} is not for clients`);
  if (uids.length > 1 || uids[0] === "") throw rejection(`the certificate of ${commonName} has not one uid`);
  const fingerprint = createHash("sha256").update(certificate).digest("hex");
  return {
    notBefore,
    notAfter,
    user: {
      name: commonName,
      groups: organizations,
      ...(uids[0] ? { uid: uids[0] } : {}),
      extra: { [EXTRA.credentialId]: [`X509SHA256=${fingerprint}`] },
    },
  };
}
