/**
 * A PostgreSQL of a test's own: Debian's package, in a folder of its own, on an ephemeral port of loopback, as a user
 * without rights (it refuses to run as root). It can be killed, stopped and started again.
 */
import { chownSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { installed } from "./apt.ts";
import { eventually } from "./api.ts";
import { quietPort } from "./hook.ts";

export interface Postgres {
  readonly url: string;
  readonly port: number;
  /** A superuser's connection, of the test itself. */
  readonly sql: SQL;
  signal(signal: NodeJS.Signals): void;
  start(): Promise<void>;
  /** Copies its files while it stands still for a moment. Gives what puts them back, under a server started anew. */
  backup(): () => Promise<void>;
  /** The pid of the server. */
  pid(): number;
  close(): Promise<void>;
}

const NOBODY = 65_534;

async function programs(): Promise<string | null> {
  const versions = (): string[] => {
    try {
      return readdirSync("/usr/lib/postgresql").sort((a, b) => Number(b) - Number(a));
    } catch {
      return [];
    }
  };
  if (versions().length === 0 && (await installed("/usr/lib/postgresql", "postgresql")) === null) return null;
  const [newest] = versions();
  return newest === undefined ? null : `/usr/lib/postgresql/${newest}/bin`;
}

/** Where they are, or null, said aloud: the tests that need it are skipped. */
export const POSTGRES = await programs();

export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<Postgres> {
  if (POSTGRES === null) throw new Error("there is no PostgreSQL here");
  const bin = POSTGRES;
  const dir = mkdtempSync(join(tmpdir(), "ah-pg-"));
  const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (process.getuid?.() === 0) chownSync(dir, NOBODY, NOBODY);
  const data = join(dir, "data");
  const env = { PATH: process.env["PATH"] ?? "", LC_ALL: "C.UTF-8", HOME: dir };
  const made = Bun.spawnSync([`${bin}/initdb`, "-D", data, "-U", "ah", "-A", "trust", "-E", "UTF8", "--no-sync"], {
    cwd: dir,
    env,
    ...asNobody,
  });
  if (made.exitCode !== 0) throw new Error(`initdb: ${made.stderr.toString()}`);
  const port = await quietPort();
  const wanted = { port, listen_addresses: "127.0.0.1", unix_socket_directories: dir, fsync: "off", ...settings };
  const options = Object.entries(wanted).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const url = `postgres://ah@127.0.0.1:${port}/postgres`;
  let server: Bun.Subprocess | null = null;
  const start = async (): Promise<void> => {
    await server?.exited;
    await eventually("PostgreSQL answers", async () => {
      // Its port may have been lent to a stranger's connection while it was down: then it ends at once.
      if (server === null || server.exitCode !== null || server.signalCode !== null)
        server = Bun.spawn([`${bin}/postgres`, "-D", data, ...options], {
          cwd: dir,
          env,
          stdio: ["ignore", "ignore", Bun.file(join(dir, "log"))],
          ...asNobody,
        });
      const probe = new SQL({ url, max: 1, connectionTimeout: 2 });
      const good = await probe.unsafe("SELECT 1").then(
        () => true,
        () => false,
      );
      await probe.close({ timeout: 0 });
      return good;
    });
  };
  await start();
  const sql = new SQL({ url, max: 1 });
  const shut = async (): Promise<void> => {
    server?.kill("SIGINT");
    await server?.exited;
  };
  const copy = (from: string, to: string): void => {
    rmSync(to, { recursive: true, force: true });
    const { exitCode, stderr } = Bun.spawnSync(["cp", "-a", from, to]);
    if (exitCode !== 0) throw new Error(stderr.toString());
  };
  let backups = 0;
  return {
    url,
    port,
    sql,
    pid: () => server?.pid ?? 0,
    signal(signal) {
      // Its children too: a server that is stopped answers on no connection.
      if (server !== null) tell(signal === "SIGKILL" ? [server.pid] : family(server.pid), signal);
    },
    start,
    backup() {
      const kept = join(dir, `backup-${++backups}`);
      const all = family(server?.pid ?? 0);
      tell(all, "SIGSTOP");
      copy(data, kept);
      tell(all, "SIGCONT");
      rmSync(join(kept, "postmaster.pid"));
      return async () => {
        await shut();
        copy(kept, data);
        await start();
      };
    },
    async close() {
      await sql.close({ timeout: 0 }).catch(() => undefined);
      if (server !== null) {
        tell(family(server.pid), "SIGCONT");
        server.kill("SIGQUIT");
        await server.exited;
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A child may end between the look and the signal. */
function tell(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // gone meanwhile
    }
  }
}

/** A process and its children. */
function family(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return [pid, ...children.filter((each) => each !== "").map(Number)];
  } catch {
    return [];
  }
}
