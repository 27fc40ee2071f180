/** A server elsewhere: a proxy that adds latency to each direction of a connection. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

interface Proxy {
  /** The same connection string, by way of the proxy. */
  uri: string;
  stop: () => Promise<void>;
}

/** Adds `roundTrip` milliseconds to each answer; the bandwidth stays as it is. */
export async function startProxy(server: string, roundTrip: number): Promise<Proxy> {
  const target = new URL(server);
  const sockets = new Set<Socket>();
  const forward = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (data) => setTimeout(() => to.write(data), roundTrip / 2));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      setTimeout(() => to.destroy(), roundTrip / 2);
    });
  };
  const proxy = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    forward(client, upstream);
    forward(upstream, client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const uri = new URL(server);
  uri.port = String((proxy.address() as AddressInfo).port);
  uri.search = '?directConnection=true';
  return {
    uri: uri.href,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
