/**
 * The checker of a storm, tried on what it is for: each row of the table breaks the programs in one place, and the
 * checks that the row names must fail. The unbroken programs go through the same storms, and nothing may be found.
 * `make chaos-broken`; ROW="receiver,message" takes the rows whose names hold one of these. A storm is mostly waiting:
 * two go on at a time (AH_TEST_WORKERS).
 */
import { openWorkshop, type Found } from "./broken.build.ts";
import { BROKEN, WEATHERS, type Broken, type WeatherName } from "./broken.table.ts";
import { CHECK_NAMES, type CheckName } from "./check.ts";

/** `row`: null = the programs as they are. */
interface Job {
  readonly weather: WeatherName;
  readonly row: Broken | null;
}

const WORKERS = Math.max(1, Number(process.env["AH_TEST_WORKERS"]) || 2);
const wanted = process.env["ROW"]?.split(",").filter(Boolean) ?? [];
const rows = BROKEN.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const jobs: Job[] = [...new Set(rows.map(({ weather }) => weather))].flatMap((weather) => [
  { weather, row: null },
  ...rows.filter((row) => row.weather === weather).map((row) => ({ weather, row })),
]);
/** Where something is found over unbroken programs, too, a failing check has shown nothing. */
const troubled = new Set<WeatherName>();
const seen: { readonly weather: WeatherName; readonly checks: readonly CheckName[] }[] = [];
let failed = 0;

/** What speaks against it; null = it went as it must. */
function missed({ row }: Job, found: Found): string | null {
  if (!found.whole) return "the storm broke off";
  if (row === null) return found.failed.length === 0 ? null : `${found.failed.join()} found something`;
  const silent = row.checks.filter((check) => !found.failed.includes(check));
  return silent.length === 0 ? null : `${silent.join()} found nothing`;
}

/** The first flaw that a check told, as a person reads it. */
const flawOf = ({ output }: Found, check: CheckName): string =>
  new RegExp(`^FAIL ${check}: \\d+\\n +(.*)$`, "m").exec(output)?.[1]?.slice(0, 140) ?? "";

function tell(job: Job, found: Found, seconds: number): void {
  const what = job.row === null ? `unbroken, ${job.weather}` : `${job.row.name}: ${job.row.checks.join()}`;
  const why = missed(job, found);
  console.log(`${why === null ? "ok  " : "FAIL"} ${what}${why === null ? "" : `: ${why}`} (${seconds.toFixed(0)} s)`);
  if (why !== null) {
    failed += 1;
    if (job.row === null) troubled.add(job.weather);
    console.log(found.output.replace(/^/gm, "       "));
    return;
  }
  const checks = job.row?.checks ?? [];
  for (const check of checks) console.log(`       ${check}: ${flawOf(found, check)}`);
  seen.push({ weather: job.weather, checks });
}

async function work(): Promise<void> {
  const workshop = openWorkshop();
  try {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const startedMs = performance.now();
      const found = await workshop
        .build(job.row)
        .then(() => workshop.storm(WEATHERS[job.weather]))
        .catch((error: unknown): Found => ({ failed: [], whole: false, output: String(error) }));
      tell(job, found, (performance.now() - startedMs) / 1000);
    }
  } finally {
    workshop.close();
  }
}

await Promise.all(Array.from({ length: Math.min(WORKERS, jobs.length) }, work));
const proven = new Set(seen.flatMap(({ weather, checks }) => (troubled.has(weather) ? [] : checks)));
const unproven = CHECK_NAMES.filter((name) => !proven.has(name));
console.log(`${proven.size} of ${CHECK_NAMES.length} checks were seen to fail, over ${rows.length} broken builds`);
if (wanted.length === 0 && unproven.length > 0) console.log(`never seen to fail: ${unproven.join()}`);
process.exit(failed > 0 || rows.length === 0 || (wanted.length === 0 && unproven.length > 0) ? 1 : 0);
