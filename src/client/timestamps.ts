/** Wall time in ms as the API's `Time`: RFC 3339 in whole seconds, UTC. */
export function time(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** Wall time in ms as the API's `MicroTime`: RFC 3339 with six decimals, UTC. */
export function microTime(ms: number): string {
  const micros = Math.round((ms - Math.floor(ms)) * 1000);
  return `${new Date(Math.floor(ms)).toISOString().slice(0, 23)}${String(Math.min(micros, 999)).padStart(3, "0")}Z`;
}
