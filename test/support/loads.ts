/** Preloaded into a program that runs from source: writes down every module of `src/` at the moment it is loaded. */
import { appendFileSync, readFileSync } from "node:fs";

const report = process.env["AH_TEST_LOADS"];
if (report !== undefined)
  Bun.plugin({
    name: "loads",
    setup(build) {
      build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
        appendFileSync(report, `${path}\n`);
        return { contents: readFileSync(path, "utf8"), loader: "ts" };
      });
    },
  });
