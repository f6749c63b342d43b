/** Two hundred strangers that come and go: some read, some hang on a stream, some connect and say nothing or half. */
import { connect } from "node:net";
import type { Random } from "../support/random.ts";

export interface Crowd {
  /** Requests answered so far. */
  readonly served: number;
  stop(): Promise<void>;
}

export function gatherCrowd(url: string, size: number, random: Random): Crowd {
  const crowd = { served: 0 };
  const leave = new AbortController();
  const port = Number(new URL(url).port);
  const visits: readonly (() => Promise<void>)[] = [
    () => read("/api/v1/agents?limit=50"),
    () => read("/api/v1/health"),
    () => read("/api/v1/deliveries?limit=20"),
    () => read("/api/v1/events", random.between(100, 3000)),
    () => knock("", random.between(100, 4000)),
    () => knock("POST /api/v1/projects HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n{", 1500),
    () => knock("GET / HT", random.between(10, 500)),
  ];

  const read = async (path: string, forMs = 5000): Promise<void> => {
    const signal = AbortSignal.any([leave.signal, AbortSignal.timeout(forMs)]);
    const response = await fetch(`${url}${path}`, { signal });
    crowd.served += 1;
    await response.text();
  };
  const knock = (bytes: string, forMs: number): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => void (bytes !== "" && socket.write(bytes)));
      const timer = setTimeout(() => socket.destroy(), forMs);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        clearTimeout(timer);
        resolve();
      });
    });

  const guests = Array.from({ length: size }, async () => {
    while (!leave.signal.aborted) {
      await random
        .pick(visits)()
        .catch(() => undefined);
      await Bun.sleep(random.between(200, 4000));
    }
  });
  return Object.assign(crowd, {
    async stop() {
      leave.abort();
      await Promise.race([Promise.all(guests), Bun.sleep(6000)]);
    },
  });
}
