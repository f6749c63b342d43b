/** What must not happen at the same time happens one after the other, in the order in which it was asked for. */

export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined); // told to whoever asked for it
    return mine;
  };
}
