import { createHash, timingSafeEqual } from "node:crypto";
import type { UserInfo } from "../../api/user.ts";
import type { TokenAuthenticator } from "./bearer.ts";

/**
 * Upstream's --token-auth-file: a CSV file of tokens with their users, `token,user,uid,"group1,group2"`, read once at the
 * start. Throws for a line that is short or empty in a place it must not be.
 */
export function tokenFileAuthenticator(content: string): TokenAuthenticator {
  const users = new Map<string, { token: Buffer; user: UserInfo }>();
  for (const [index, fields] of csv(content).entries()) {
    const [token = "", name = "", uid = "", groups = ""] = fields.map((field) => field.trim());
    if (fields.length < 3) {
      throw new Error(
        `token file must have at least 3 columns (token, user name, user uid), found ${fields.length} in record ${index + 1}`,
      );
    }
    // A token that is given twice is the later user's, an empty one nobody's, as upstream has it.
    if (token === "") continue;
    if (name === "") throw new Error(`the user name of record ${index + 1} of the token file is empty`);
    const user: UserInfo = {
      name,
      ...(uid ? { uid } : {}),
      groups: groups === "" ? [] : groups.split(",").map((group) => group.trim()),
    };
    users.set(digest(token), { token: Buffer.from(token), user });
  }
  return {
    // Looked up by its digest: how long that takes tells nothing of the tokens.
    async authenticateToken(token, audiences) {
      const found = users.get(digest(token));
      const given = Buffer.from(token);
      if (!found || found.token.length !== given.length || !timingSafeEqual(found.token, given)) return undefined;
      return { user: found.user, audiences };
    },
  };
}

const digest = (token: string) => createHash("sha256").update(token).digest("base64");

/** The records of a CSV text (RFC 4180); empty lines and lines that begin with `#` are left out. */
function csv(content: string): string[][] {
  const records: string[][] = [];
  for (const line of content.split(/\r?\n/)) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const fields: string[] = [];
    const field = /\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(,|$)/y;
    for (;;) {
      const match = field.exec(line);
      if (!match) throw new Error(`record ${records.length + 1} of the token file can't be read`);
      fields.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
      if (match[3] === "") break;
    }
    records.push(fields);
  }
  return records;
}
