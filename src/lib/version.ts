/** The one place that knows the version: package.json, taken into the bundle when it is built. */
import { version } from "../../package.json" with { type: "json" };

export const VERSION: string = version;
