/** How every daemon's Node is started: it keeps little young memory, and gives memory back rather than speed up. */
export const NODE_FLAGS: readonly string[] = [
  "--max-semi-space-size=1",
  "--max-old-space-size=256",
  "--optimize-for-size",
];
