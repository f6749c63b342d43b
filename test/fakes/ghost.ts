/**
 * Stands in for an agent's program that was at work when its daemon was killed: it keeps what it is told in a file, and
 * says what that program went on to say when it is let go. argv: folder (`read`, `rest`, `told`, `go`), "ends" or
 * "stays".
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder = "", manner = "stays"] = process.argv.slice(2);
void (async () => {
  for await (const chunk of Bun.stdin.stream()) appendFileSync(join(folder, "told"), chunk);
})();
writeFileSync(1, readFileSync(join(folder, "read")));
while (!existsSync(join(folder, "go"))) await Bun.sleep(10);
writeFileSync(1, readFileSync(join(folder, "rest")));
if (manner === "ends") process.exit(0);
await new Promise(() => setInterval(() => undefined, 60_000));
