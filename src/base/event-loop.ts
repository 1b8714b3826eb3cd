/** Resolves after everybody else who waits has had a turn: for work that would hold up the event loop for too long. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
