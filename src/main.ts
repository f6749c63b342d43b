/** Entry of the executable: loads the program that it was started as, and nothing of the other. */
import { programOf } from "./words/programs.ts";

if (programOf(process.argv0, process.argv[2]) === "webhook-receiver") await import("./webhook-receiver.ts");
else await import("./cli.ts");
