import { join } from "node:path";
import { PACKAGE_ROOT } from "../../shared/paths.ts";

/** What `npm run build` compiled, or the folder that INSTAR_DIST names; programs are started from it. */
export const DIST: string = join(PACKAGE_ROOT, process.env["INSTAR_DIST"] || "dist");
