/**
 * Files that outlive a SIGKILL and a full disk. Four ways to write one, by what would be lost with it:
 * a document that a promise hangs on (`openStore`, `replaceFile`), a file that people edit too (`editFile`),
 * and what can be made again (`writeSnapshot`).
 */
export { openStore } from "./store/document.ts";
export { makeFolder, replaceFile, syncFolder, writeError, writeTemporary } from "./store/durable.ts";
export { editFile } from "./store/edit.ts";
export { clearLeftovers } from "./store/leftovers.ts";
export { writeSnapshot } from "./store/snapshot.ts";
