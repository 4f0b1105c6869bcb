// A wire between a browser and the core that can be cut and mended.
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class Wire {
	private readonly ends = new Set<Socket>();
	private whole = true;
	private constructor(
		private readonly server: Server,
		/** The address to open in place of the core's. */
		readonly address: string,
	) {}

	/** Lays a wire to the address that `atelier serve` printed. */
	static lay(address: string): Promise<Wire> {
		const core = new URL(address);
		return new Promise((laid) => {
			const server = createServer((near) => wire.join(near, core.port));
			let wire: Wire;
			server.listen(0, core.hostname, () => {
				const mine = new URL(address);
				mine.port = String((server.address() as AddressInfo).port);
				wire = new Wire(server, mine.href);
				laid(wire);
			});
		});
	}

	cut(): void {
		this.whole = false;
		for (const end of this.ends) end.destroy();
	}

	mend(): void {
		this.whole = true;
	}

	close(): void {
		this.cut();
		this.server.close();
	}

	private join(near: Socket, port: string): void {
		if (!this.whole) return void near.destroy();
		const far = connect(Number(port), "127.0.0.1");
		const own = new URL(this.address).port;
		// The core lets in who names it as itself; heads come in one piece.
		near.on("data", (piece) => {
			const text = piece.toString("latin1");
			far.write(Buffer.from(text.replaceAll(`127.0.0.1:${own}`, `127.0.0.1:${port}`), "latin1"));
		});
		far.pipe(near);
		for (const [end, other] of [
			[near, far],
			[far, near],
		] as const) {
			this.ends.add(end);
			end.on("error", () => other.destroy());
			end.on("close", () => {
				this.ends.delete(end);
				other.destroy();
			});
		}
	}
}
