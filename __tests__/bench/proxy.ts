/** A server elsewhere: a proxy that adds latency to each direction of a connection. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

interface Proxy {
  /** The same connection string, by way of the proxy. */
  uri: string;
  stop: () => Promise<void>;
}

/**
 * Adds `roundTrip` milliseconds to each answer; the bandwidth stays as it is. In a process of its own,
 * because its work would count as the client's.
 */
export async function startProxy(server: string, roundTrip: number): Promise<Proxy> {
  const target = new URL(server);
  const child = fork(__filename, [target.hostname, target.port, String(roundTrip / 2)]);
  const [port] = (await once(child, 'message')) as [number];
  const uri = new URL(server);
  uri.hostname = '127.0.0.1';
  uri.port = String(port);
  uri.search = '?directConnection=true';
  return {
    uri: uri.href,
    stop: async () => {
      const exit = once(child, 'exit');
      child.kill();
      await exit;
    },
  };
}

function serve(host: string, port: number, latency: number): void {
  const forward = (from: Socket, to: Socket): void => {
    from.setNoDelay(true);
    from.on('data', (data) => setTimeout(() => to.write(data), latency));
    from.on('error', () => to.destroy());
    from.on('close', () => setTimeout(() => to.destroy(), latency));
  };
  const proxy = createServer((client) => {
    const upstream = connect(port, host);
    forward(client, upstream);
    forward(upstream, client);
  });
  proxy.listen(0, '127.0.0.1', () => process.send?.((proxy.address() as AddressInfo).port));
  // It must not outlive a bench that was stopped.
  process.on('disconnect', () => process.exit());
}

if (require.main === module) {
  const [host = '', port, latency] = process.argv.slice(2);
  serve(host, Number(port), Number(latency));
}
