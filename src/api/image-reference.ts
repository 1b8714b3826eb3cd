/** An image name in full, as container registries read it. */
export interface ImageReference {
  /** The registry's host, with its port if given: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** The repository within it: `library/nginx`. */
  readonly path: string;
  /** Absent where only a digest was given. */
  readonly tag?: string;
  /** `sha256:…` */
  readonly digest?: string;
}

const DEFAULT_DOMAIN = "docker.io";
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const DOMAIN =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const REPOSITORY_MAX = 255;

/**
 * Reads a name as Docker and the kubelet do: a first part with a dot, a colon, an upper-case letter, or `localhost`, is
 * the registry; else it is docker.io, where a name of one part is below `library`. A name with neither tag nor digest
 * gets the tag `latest`. Throws where the name is malformed.
 */
export function parseImageReference(name: string): ImageReference {
  const wrong = (detail: string) => new Error(`couldn't parse image name "${name}": invalid reference format${detail}`);
  if (/^[0-9a-f]{64}$/.test(name)) throw wrong(": it is an identifier, not a name");
  const at = name.indexOf("@");
  const digest = at < 0 ? undefined : name.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest)) throw wrong("");
  const tagged = at < 0 ? name : name.slice(0, at);
  const slash = tagged.indexOf("/");
  const first = slash < 0 ? "" : tagged.slice(0, slash);
  const hasDomain = /[.:A-Z]/.test(first) || first === "localhost" || first.startsWith("[");
  let domain = hasDomain ? first : DEFAULT_DOMAIN;
  const rest = hasDomain ? tagged.slice(slash + 1) : tagged;
  const colon = rest.indexOf(":");
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  let path = colon < 0 ? rest : rest.slice(0, colon);
  if (domain === "index.docker.io") domain = DEFAULT_DOMAIN;
  if (domain === DEFAULT_DOMAIN && !path.includes("/")) path = `library/${path}`;
  if (/[A-Z]/.test(path)) throw wrong(": repository name must be lowercase");
  if (!DOMAIN.test(domain) || !path.split("/").every((component) => COMPONENT.test(component))) throw wrong("");
  if (tag !== undefined && !TAG.test(tag)) throw wrong("");
  if (domain.length + path.length + 1 > REPOSITORY_MAX) {
    throw wrong(`: repository name must not be more than ${REPOSITORY_MAX} characters`);
  }
  return {
    domain,
    path,
    ...(tag !== undefined ? { tag } : digest === undefined ? { tag: "latest" } : {}),
    ...(digest !== undefined ? { digest } : {}),
  };
}

/** The name in full: `docker.io/library/nginx:latest`. */
export function formatImageReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.domain}/${reference.path}${tag}${digest}`;
}
