/**
 * Works on all items, so many at a time. The first failure aborts `stop`, which is to end the work that
 * is under way; when that has ended, it is what is thrown.
 */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  stop: AbortController,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const failures: unknown[] = [];
  const queue = [...items];
  const worker = async (): Promise<void> => {
    try {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        stop.signal.throwIfAborted();
        await work(item);
      }
    } catch (error) {
      failures.push(error);
      stop.abort(error);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failures.length > 0) throw failures[0];
}
