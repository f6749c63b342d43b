/** Many may be inside together, or one alone. Whoever wants to be alone waits for those inside and keeps others out. */

export interface Turnstile {
  together<T>(work: () => Promise<T>): Promise<T>;
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Done when the last of those who are inside together leaves. Nobody waits for it. */
  whenLeft(work: () => void): void;
}

export function createTurnstile(): Turnstile {
  const inside = new Set<Promise<unknown>>();
  let lone: Promise<unknown> = Promise.resolve();
  const later: (() => void)[] = [];

  const enter = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let seen: Promise<unknown> | null = null; seen !== lone;) await (seen = lone);
    const running = work();
    const ended = running.then(
      () => undefined,
      () => undefined,
    );
    inside.add(ended);
    try {
      return await running;
    } finally {
      inside.delete(ended);
      if (inside.size === 0) for (const each of later.splice(0)) each();
    }
  };

  return {
    together: enter,
    whenLeft: (work) => void later.push(work),
    async alone(work) {
      const before = lone;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      lone = promise;
      try {
        await before;
        await Promise.all(inside);
        return await work();
      } finally {
        resolve(undefined);
      }
    },
  };
}
