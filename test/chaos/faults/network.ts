/**
 * What stands between the programs: a receiver that talks nonsense, a channel that is out of order, cut connections.
 */
import { NONSENSE } from "../door.ts";
import { possible, type Fault } from "./fault.ts";

const CHANNEL = [
  { status: 502, body: "<html>bad gateway</html>", headers: { "Content-Type": "text/html" } },
  { status: 403, body: "<html>blocked</html>", headers: { "Content-Type": "text/html" } },
  { status: 429, body: { message: "slow", retry_after: 0.5, global: false } },
  { status: 200, body: "<html>sign in</html>", headers: { "Content-Type": "text/html" } },
  "cut-after-accepting",
] as const;

export const networkFaults: readonly Fault[] = [
  {
    name: "let the receiver answer nonsense",
    weight: 4,
    missing: possible,
    async strike({ door }, random) {
      const [nonsense, forMs] = [random.pick(NONSENSE), random.between(300, 3000)];
      door.nonsense = nonsense;
      await Bun.sleep(forMs);
      door.nonsense = null;
      return [];
    },
  },
  {
    name: "let the channel answer nonsense",
    weight: 3,
    missing: possible,
    async strike({ discord }, random) {
      const answer = random.pick(CHANNEL);
      for (let n = random.between(1, 3); n > 0; n--) discord.script.push(answer);
      return [];
    },
  },
  {
    name: "cut connections of the API",
    weight: 4,
    missing: possible,
    async strike({ proxy }, random) {
      const [share, forMs] = [random.pick([0.02, 0.1, 0.5]), random.between(500, 5000)];
      proxy.cutting = share;
      await Bun.sleep(forMs);
      proxy.cutting = 0;
      return [];
    },
  },
];
