/**
 * A wire between a box and its database that can be slow, still or cut. What a still one has taken is kept and handed
 * over when it goes on, as a network does: a statement may reach the server long after whoever sent it has gone.
 */
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";
import type { Random } from "./random.ts";

export type WireState =
  | { readonly type: "open" }
  | { readonly type: "slow"; readonly ms: number }
  | { readonly type: "still" }
  /** Each connection ends in the middle of something, after so many bytes. */
  | { readonly type: "cut"; readonly bytes: () => number }
  | Trap
  /** Nobody is there. */
  | { readonly type: "gone" };

/** Open, but for one statement: it never arrives, or it is done and nobody hears of it. */
export interface Trap {
  readonly type: "trap";
  readonly sees: RegExp;
  /** It is the commit of its transaction that is meant. */
  readonly commit?: boolean;
  readonly how: "unsent" | "unheard";
  /** The connection is cut, and whatever else happens then. The wire is open again. */
  readonly sprung: () => void;
}

export interface Wire {
  /** The address of the database over this wire. */
  readonly url: string;
  /** Connections that were cut. */
  readonly cuts: number;
  /** Those that came while nobody was there. */
  readonly refused: number;
  be(state: WireState): void;
  close(): Promise<void>;
}

/** Between a thousand and thirty thousand bytes: enough to join, and to be in the middle of it. */
export const ragged = (random: Random) => (): number => 1000 + Math.floor(random() * 29_000);

export async function wireTo(url: string): Promise<Wire> {
  const target = new URL(url);
  let state: WireState = { type: "open" };
  let cuts = 0;
  let refused = 0;
  const sockets = new Set<Socket>();
  /** What waits for a still wire to go on. */
  let waiting: (() => void)[] = [];

  const passes = async (): Promise<void> => {
    if (state.type === "slow") await Bun.sleep(state.ms);
    while (state.type === "still") await new Promise<void>((resolve) => waiting.push(resolve));
  };

  const server = createServer((near) => {
    if (state.type === "gone") {
      refused += 1;
      return void near.destroy();
    }
    const far = connect(Number(target.port), target.hostname);
    let left = state.type === "cut" ? state.bytes() : Number.POSITIVE_INFINITY;
    let [armed, deaf] = [false, false];
    const spring = ({ sprung }: Trap): void => {
      be({ type: "open" });
      end();
      sprung();
    };
    /** true: the chunk goes no further. */
    const trapped = (trap: Trap, from: Socket, chunk: Buffer): boolean => {
      if (from === far) {
        if (deaf) spring(trap);
        return deaf;
      }
      const text = chunk.toString("latin1");
      const seen = trap.sees.test(text);
      armed ||= seen && trap.commit === true;
      if (trap.commit === true ? !armed || !text.includes("COMMIT") : !seen) return false;
      if (trap.how === "unheard") deaf = true;
      else spring(trap);
      return !deaf;
    };
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    const join = (from: Socket, to: Socket): void => {
      let order = Promise.resolve();
      const then = (deed: () => void): void => void (order = order.then(passes).then(deed));
      from.on("data", (chunk: Buffer) => {
        if (state.type === "cut" && left === Number.POSITIVE_INFINITY) left = state.bytes();
        if (state.type === "cut" && (left -= chunk.length) <= 0) {
          cuts += 1;
          to.write(chunk.subarray(0, chunk.length >> 1), end);
          return;
        }
        if (state.type === "trap" && trapped(state, from, chunk)) return;
        then(() => void (to.destroyed || to.write(chunk)));
      });
      from.on("close", () => then(() => void to.end()));
      from.on("error", () => undefined); // told by its close
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("close", () => sockets.delete(socket));
    }
    join(near, far);
    join(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port

  function be(next: WireState): void {
    state = next;
    if (next.type === "gone") for (const socket of sockets) socket.destroy();
    if (next.type !== "still") {
      for (const go of waiting) go();
      waiting = [];
    }
  }
  const through = new URL(url);
  through.port = String(port);
  return {
    url: through.href,
    get cuts() {
      return cuts;
    },
    get refused() {
      return refused;
    },
    be,
    async close() {
      be({ type: "gone" });
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
