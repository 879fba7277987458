import { connect } from "node:net";

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly token: string;
  readonly connections: number;
  readonly forMs: number;
}

/** Requests a second that a server answers with 200 on kept connections, each asking again when it was answered. */
export async function measureLoad({ port, path, token, connections, forMs }: Load): Promise<number> {
  const request = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\n\r\n`;
  const startedMs = performance.now();
  const counts = await Promise.all(
    Array.from({ length: connections }, () => askFor(port, request, () => performance.now() - startedMs < forMs)),
  );
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - startedMs) / 1000);
}

/** A client of its own: it is to cost less than the servers. */
function askFor(port: number, request: string, goesOn: () => boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let count = 0;
    let text = "";
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("error", reject);
    socket.on("connect", () => socket.write(request));
    socket.on("data", (chunk: string) => {
      text += chunk;
      const headEnd = text.indexOf("\r\n\r\n");
      if (headEnd < 0) return;
      if (!text.startsWith("HTTP/1.1 200 ")) return reject(new Error(`answered ${text.slice(0, 300)}`));
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
      if (Number.isNaN(length)) return reject(new Error(`no length in ${text.slice(0, headEnd)}`));
      if (text.length < headEnd + 4 + length) return;
      text = "";
      count += 1;
      if (goesOn()) return socket.write(request);
      socket.end();
      resolve(count);
    });
  });
}
