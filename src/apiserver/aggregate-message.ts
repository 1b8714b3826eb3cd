/** Several messages as one, as upstream joins errors: each once, and in brackets where there are more than one. */
export function aggregateMessage(messages: Iterable<string>): string {
  const different = [...new Set(messages)];
  return different.length === 1 ? different[0]! : `[${different.join(", ")}]`;
}
